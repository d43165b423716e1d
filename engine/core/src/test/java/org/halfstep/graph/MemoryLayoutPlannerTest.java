package org.halfstep.graph;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.model.UNetConfig;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.ModelOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MemoryLayoutPlannerTest {
  /** What a layout of arbitrary lifetimes may take, as a multiple of what lives at one time. */
  private static final double MOST = 1.5;

  /** The same for the plans of networks. */
  private static final double MOST_OF_A_NETWORK = 1.1;

  private static final long BASE = 1L << 40;

  @ParameterizedTest
  @CsvSource({"1, 1", "2, 2", "12, 6", "60, 40", "60, 400", "300, 30", "300, 1000"})
  void buffersThatLiveTogetherNeverOverlap(int buffers, int steps) {
    for (int seed = 0; seed < 200; seed++) {
      List<Buffer> made = random(new Random(seed), buffers, steps);
      MemoryLayoutPlanner layout = new MemoryLayoutPlanner(made);
      layout.place(BASE);
      requireDisjoint(made);
      long end =
          made.stream()
              .filter(Buffer::isUsed)
              .mapToLong(b -> b.address() + b.bytes())
              .max()
              .orElse(BASE);
      assertEquals(layout.bytes(), end - BASE, "seed " + seed);
      double ratio = (double) layout.bytes() / Math.max(1, layout.leastBytes());
      assertTrue(ratio <= MOST, "seed " + seed + ": " + ratio + " times what lives at one time");
    }
  }

  /** Few long lives among many short ones, sizes over five orders of magnitude. */
  private static List<Buffer> random(Random random, int count, int steps) {
    List<Buffer> buffers = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Buffer buffer = new Buffer("b" + i, 1 + (long) Math.exp(random.nextDouble() * 11.5));
      int first = random.nextInt(steps);
      int length = random.nextInt(8) == 0 ? random.nextInt(steps) : random.nextInt(1 + steps / 8);
      buffer.useAt(Math.min(steps - 1, first + length));
      buffer.useAt(first);
      buffers.add(buffer);
    }
    return buffers;
  }

  private static void requireDisjoint(List<Buffer> buffers) {
    for (int i = 0; i < buffers.size(); i++) {
      for (int j = 0; j < i; j++) {
        Buffer a = buffers.get(i);
        Buffer b = buffers.get(j);
        boolean apart =
            a.address() + a.bytes() <= b.address() || b.address() + b.bytes() <= a.address();
        assertTrue(
            apart || a.lastUse() < b.firstUse() || b.lastUse() < a.firstUse(),
            a.name() + " and " + b.name() + " share memory while both live");
      }
    }
  }

  @Test
  void aBufferThatNothingUsesTakesNoMemory() {
    Buffer used = new Buffer("used", 100);
    used.useAt(3);
    MemoryLayoutPlanner layout =
        new MemoryLayoutPlanner(List.of(new Buffer("unused", 1 << 20), used));
    assertEquals(used.bytes(), layout.bytes());
    assertEquals(used.bytes(), layout.leastBytes());
  }

  @Test
  void livesThatTouchInOneStepDoNotShareMemory() {
    Buffer first = new Buffer("first", 64);
    Buffer second = new Buffer("second", 64);
    Buffer third = new Buffer("third", 64);
    first.useAt(0);
    first.useAt(1);
    second.useAt(1);
    second.useAt(2);
    third.useAt(2);
    MemoryLayoutPlanner layout = new MemoryLayoutPlanner(List.of(first, second, third));
    layout.place(BASE);
    requireDisjoint(List.of(first, second, third));
    assertEquals(2 * first.bytes(), layout.bytes(), "the third takes the place of the first");
  }

  /** The networks of the benchmarks: 8, 44 and 295 million parameters. */
  @ParameterizedTest
  @CsvSource({"32, 1, 64, 2, 32", "32, 3, 128, 2, 64", "64, 3, 192, 3, 64"})
  void plansOfNetworksAreTight(int side, int channels, int base, int blocks, int headChannels) {
    List<Double> multiples =
        base == 64
            ? List.of(1.0, 2.0, 2.0)
            : base == 128 ? List.of(1.0, 2.0, 2.0, 2.0) : List.of(1.0, 2.0, 3.0, 4.0);
    List<Integer> attention = side == 64 ? List.of(32, 16, 8) : List.of(16, 8);
    UNetConfig config =
        new UNetConfig(
            side,
            channels,
            base,
            channels,
            blocks,
            attention,
            multiples,
            10,
            false,
            headChannels,
            null,
            true,
            true,
            true,
            true,
            0,
            null);
    try (Device device = new CpuDevice()) {
      requireTight(device, config.graph());
    }
  }

  @Test
  void plansOfTheBundledModelsAreTight() throws IOException {
    try (Device device = new CpuDevice()) {
      for (String name : DiffusionModel.bundledNames()) {
        try (DiffusionModel model =
            DiffusionModel.bundled(name, ModelOptions.standard().withDevice(device))) {
          requireTight(device, model.config().graph());
        }
      }
    }
  }

  private static void requireTight(Device device, Graph graph) {
    for (int batch : new int[] {1, 8}) {
      for (PlanOptions options :
          List.of(PlanOptions.inference(batch), PlanOptions.training(batch, 1))) {
        MemoryLayoutPlanner layout = Plan.layout(device, graph, options);
        double ratio = (double) layout.bytes() / layout.leastBytes();
        assertTrue(
            ratio <= MOST_OF_A_NETWORK,
            options + ": " + layout.bytes() + " bytes, " + ratio + " times what lives at one time");
      }
    }
  }
}
