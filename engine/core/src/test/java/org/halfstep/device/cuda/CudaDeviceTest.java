package org.halfstep.device.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.device.Ceiling;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Sequence;
import org.halfstep.device.Slab;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Memory, windows and recorded sequences of the CUDA device, over a driver that is not there. */
class CudaDeviceTest {
  private final HostGpu gpu = new HostGpu();

  @AfterEach
  void everythingIsGivenBack() {
    gpu.close();
    assertEquals(0, gpu.driver.held());
    assertTrue(gpu.driver.isClosed());
  }

  @Test
  void memoryIsZeroedAndSurvivesTheTripThere() {
    // More than one piece of staging memory.
    float[] values = new float[(5 << 20) / Float.BYTES];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    long bytes = (long) Float.BYTES * values.length;
    try (Slab slab = gpu.device.allocate("numbers", bytes)) {
      float[] back = new float[values.length];
      gpu.device.download(slab.address(), MemorySegment.ofArray(back), bytes);
      assertArrayEquals(new float[values.length], back);
      gpu.device.upload(MemorySegment.ofArray(values), slab.address(), bytes);
      gpu.device.download(slab.address(), MemorySegment.ofArray(back), bytes);
      assertArrayEquals(values, back);
    }
  }

  @Test
  void memoryThatIsNotThereIsNamed() {
    gpu.driver.limit(1 << 20);
    OutOfMemoryError refused =
        assertThrows(
            OutOfMemoryError.class, () -> gpu.device.allocate("plan of batch 64", 9 << 20));
    assertEquals(
        "plan of batch 64 needs 9 MiB on Host, where 3 MiB are free; this process holds 5 MiB; use a smaller batch",
        refused.getMessage());
  }

  @Test
  void whatWasPushedIsNotOverwrittenByTheNextRound() {
    try (Slab slab = gpu.device.allocate("number", Integer.BYTES);
        Slab kept = gpu.device.allocate("kept", Integer.BYTES);
        HostView window = gpu.device.view(slab.address(), Integer.BYTES);
        HostView other = gpu.device.view(kept.address(), Integer.BYTES)) {
      gpu.driver.copyLate();
      window.memory().set(ValueLayout.JAVA_INT, 0, 1);
      window.push();
      // The copy of 1 must be over before 2 is written.
      window.memory().set(ValueLayout.JAVA_INT, 0, 2);
      int[] there = new int[1];
      gpu.device.download(slab.address(), MemorySegment.ofArray(there), Integer.BYTES);
      assertEquals(1, there[0]);
      window.push();
      other.pull();
      gpu.device.download(slab.address(), MemorySegment.ofArray(there), Integer.BYTES);
      assertEquals(2, there[0]);
    }
  }

  @Test
  void aSequenceRunsOnceByItselfAndThenAsOneGraph() {
    List<String> calls = new ArrayList<>();
    try (Operations operations = gpu.device.operations()) {
      Sequence inner = operations.record(List.of(() -> calls.add("a"), () -> calls.add("b")));
      Sequence sequence = operations.record(List.of(inner, () -> calls.add("c"), inner));
      List<String> once = List.of("a", "b", "c", "a", "b");
      for (int run = 1; run <= 4; run++) {
        calls.clear();
        sequence.run();
        assertEquals(once, calls, "run " + run);
        assertEquals(run < 2 ? 0 : 1, gpu.driver.captures);
        assertEquals(run - 1, gpu.driver.graphLaunches);
      }
      sequence.close();
      assertEquals(0, gpu.driver.heldGraphs());
    }
  }

  @Test
  void aSequenceWithoutLaunchesNeedsNoGraph() {
    try (Operations operations = gpu.device.operations()) {
      Sequence nothing = operations.record(List.of());
      for (int run = 0; run < 3; run++) {
        nothing.run();
      }
      assertEquals(0, gpu.driver.captures);
    }
  }

  @Test
  void aVeryLongSequenceIsSeveralGraphs() {
    int[] count = {0};
    Launch launch = () -> count[0]++;
    int launches = RecordedSequence.MOST_LAUNCHES + 1;
    try (Operations operations = gpu.device.operations()) {
      Sequence sequence = operations.record(java.util.Collections.nCopies(launches, launch));
      for (int run = 1; run <= 3; run++) {
        sequence.run();
        assertEquals(run * launches, count[0]);
      }
      assertEquals(2, gpu.driver.captures);
      assertEquals(4, gpu.driver.graphLaunches);
    }
  }

  @Test
  void streamsOfOneDeviceShareItsMemory() {
    try (Slab slab = gpu.device.allocate("numbers", 2 * Float.BYTES);
        Device stream = gpu.device.stream();
        Operations operations = stream.operations();
        HostView window = stream.view(slab.address(), 2 * Float.BYTES)) {
      window.memory().set(ValueLayout.JAVA_FLOAT, 0, 3);
      window.push();
      operations.convert(slab.address(), DataType.F32, slab.address() + 4, DataType.F32, 1).run();
      float[] there = new float[2];
      gpu.device.download(slab.address(), MemorySegment.ofArray(there), 2 * Float.BYTES);
      assertArrayEquals(new float[] {3, 3}, there);
    }
  }

  @Test
  void everyPrecisionIsTakenAndTheNarrowOneIsTheDefault() {
    assertEquals(DataType.BF16, gpu.device.defaultPrecision());
    for (DataType type : List.of(DataType.F32, DataType.TF32, DataType.BF16)) {
      gpu.device.requirePrecision(type);
    }
    for (DataType type : List.of(DataType.F16, DataType.U8, DataType.I32)) {
      assertThrows(IllegalArgumentException.class, () -> gpu.device.requirePrecision(type));
    }
    assertEquals("cuda:0 (Host, CUDA 13.0)", gpu.device.name());
  }

  @Test
  void whatItCanDoAtMostIsMeasured() {
    Ceiling most = gpu.device.measureCeiling(DataType.F32).orElseThrow();
    assertTrue(most.gigaflopsPerSecond() > 0.1, most.toString());
    assertTrue(most.gigabytesPerSecond() > 0.1, most.toString());
    assertTrue(
        most.toString().contains("matrices of 512 x 512 in f32")
            && most.toString().contains("copying 64 MiB"),
        most.toString());
  }
}
