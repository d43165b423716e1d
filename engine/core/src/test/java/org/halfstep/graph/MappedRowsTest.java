package org.halfstep.graph;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.Set;
import org.halfstep.LeakCheck;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.graph.Parameter.Initializer;
import org.halfstep.safetensors.Bfloat16;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Large tables are read where they are stored, to the numbers of a copy. */
@ExtendWith(LeakCheck.class)
class MappedRowsTest {
  private static final int ROWS = 1 << 12;
  private static final int WIDTH = 24;
  private static final int[] IDS = {7, 0, ROWS - 1, 7, 4000};

  /** A table whose numbers tell their places, exactly in every type. */
  private record Table(DataType stored, MemorySegment numbers, boolean isThere)
      implements ParameterSource {
    static Table of(Arena arena, DataType stored, boolean isThere) {
      MemorySegment numbers = arena.allocate((long) stored.bytes() * ROWS * WIDTH, Long.BYTES);
      for (int i = 0; i < ROWS * WIDTH; i++) {
        switch (stored) {
          case F32 -> numbers.setAtIndex(ValueLayout.JAVA_FLOAT, i, value(i));
          case F16 -> numbers.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(value(i)));
          default -> numbers.setAtIndex(ValueLayout.JAVA_SHORT, i, Bfloat16.fromFloat(value(i)));
        }
      }
      return new Table(stored, numbers, isThere);
    }

    static float value(int i) {
      return i % WIDTH + (i / WIDTH % 4) / 4f;
    }

    @Override
    public void copy(Parameter parameter, MemorySegment destination) {
      for (int i = 0; i < ROWS * WIDTH; i++) {
        destination.setAtIndex(ValueLayout.JAVA_FLOAT, i, value(i));
      }
    }

    @Override
    public DataType type(Parameter parameter) {
      return stored;
    }

    @Override
    public Optional<MemorySegment> mapped(Parameter parameter) {
      return isThere ? Optional.of(numbers) : Optional.empty();
    }

    @Override
    public void close() {}
  }

  private final Graph graph = new Graph();
  private final Value ids = graph.tokens("ids", IDS.length);
  private final Value out =
      graph.name(
          "out",
          graph.embedding(
              "rows", graph.parameter("table", Initializer.ZERO, WIDTH, ROWS, WIDTH), ids));

  private float[] rows(Device device, FrozenWeights weights, int... wanted) {
    try (Plan plan =
            Plan.inference(device, graph, PlanOptions.inference(1).withKept(Set.of(out)), weights);
        HostView in = device.view(plan.address(ids), (long) Integer.BYTES * IDS.length);
        HostView made = device.view(plan.address(out), (long) Float.BYTES * IDS.length * WIDTH)) {
      plan.prepare();
      MemorySegment.copy(wanted, 0, in.memory(), ValueLayout.JAVA_INT, 0, IDS.length);
      in.push();
      plan.forward();
      made.pull();
      return made.memory().toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"F32", "F16", "BF16"})
  void nothingIsCopiedOfATableThatIsThere(DataType stored) {
    try (Arena arena = Arena.ofShared();
        Device device = new CpuDevice();
        FrozenWeights copied =
            new FrozenWeights(device, graph, Table.of(arena, stored, false), WeightUse.standard());
        FrozenWeights read =
            new FrozenWeights(device, graph, Table.of(arena, stored, true), WeightUse.standard())) {
      float[] expected = rows(device, copied, IDS);
      assertEquals(Table.value(4000 * WIDTH + 3), expected[4 * WIDTH + 3]);
      assertArrayEquals(expected, rows(device, read, IDS));
      assertEquals((long) Float.BYTES * ROWS * WIDTH, copied.residentBytes());
      assertEquals(0, read.residentBytes());
      assertTrue(read.budget().bytes() < copied.budget().bytes());
    }
  }

  @Test
  void rowsThatThereAreNotAreRefused() {
    try (Arena arena = Arena.ofShared();
        Device device = new CpuDevice();
        FrozenWeights read =
            new FrozenWeights(
                device, graph, Table.of(arena, DataType.F16, true), WeightUse.standard())) {
      for (int id : new int[] {-1, ROWS}) {
        assertThrows(RuntimeException.class, () -> rows(device, read, 0, 1, id, 2, 3));
      }
    }
  }
}
