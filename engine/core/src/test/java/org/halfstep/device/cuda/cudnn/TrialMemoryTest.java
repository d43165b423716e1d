package org.halfstep.device.cuda.cudnn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.halfstep.device.AttentionRun;
import org.halfstep.device.AttentionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Window;
import org.halfstep.device.cuda.HostDriver;
import org.halfstep.device.cuda.library.Scratch;
import org.junit.jupiter.api.Test;

class TrialMemoryTest {
  private final HostDriver driver = new HostDriver();
  private final long stream = driver.createStream();
  private final MemorySegment pattern = pattern();

  private MemorySegment pattern() {
    MemorySegment pinned = driver.allocatePinned(TrialMemory.PATTERN_BYTES);
    TrialMemory.fill(pinned);
    return pinned;
  }

  @SuppressWarnings("restricted")
  private static MemorySegment at(long address, long bytes) {
    return MemorySegment.ofAddress(address).reinterpret(bytes);
  }

  /** The second tensor begins in the middle of a pattern and is longer than one. */
  @Test
  void everyTensorIsFullOfNumbersAndLiesApart() {
    long bytes = TrialMemory.PATTERN_BYTES + 1000;
    int held = driver.held();
    try (TrialMemory memory =
        new TrialMemory(
            driver,
            stream,
            List.of(new TrialMemory.Tensor(7, 1000), new TrialMemory.Tensor(3, bytes)),
            50,
            pattern)) {
      assertEquals(0, memory.address(7) % 256);
      assertEquals(memory.address(7) + 1024, memory.address(3));
      assertEquals(memory.address(3) + Scratch.rounded(bytes), memory.workspace());
      assertNumbers(at(memory.address(7), 1000));
      assertNumbers(at(memory.address(3), bytes));
    }
    assertEquals(held, driver.held());
  }

  private static void assertNumbers(MemorySegment tensor) {
    int negative = 0;
    for (long i = 0; i < tensor.byteSize() / 2; i++) {
      float value = Float.intBitsToFloat(tensor.getAtIndex(ValueLayout.JAVA_SHORT, i) << 16);
      assertTrue(Math.abs(value) >= 0.5f && Math.abs(value) < 1, "bfloat16 " + value);
      negative += value < 0 ? 1 : 0;
    }
    assertTrue(negative > 0 && negative < tensor.byteSize() / 2);
    for (long i = 0; i < tensor.byteSize() / 4; i++) {
      float value = tensor.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      assertTrue(Math.abs(value) >= 0.5f && Math.abs(value) < 1, "float32 " + value);
    }
  }

  @Test
  void lackOfMemoryIsSaidAndNothingIsHeld() {
    int held = driver.held();
    driver.limit(10L << 20);
    List<TrialMemory.Tensor> tensors = List.of(new TrialMemory.Tensor(1, 6L << 20));
    String message =
        assertThrows(
                IllegalStateException.class,
                () -> new TrialMemory(driver, stream, tensors, 6L << 20, pattern))
            .getMessage();
    assertEquals("a run needs 12 MiB, of which 4096 are allowed and 3 free", message);
    driver.limit(Long.MAX_VALUE);
    List<TrialMemory.Tensor> huge = List.of(new TrialMemory.Tensor(1, TrialMemory.MOST_BYTES + 1));
    assertThrows(
        IllegalStateException.class, () -> new TrialMemory(driver, stream, huge, 0, pattern));
    assertEquals(held, driver.held());
  }

  /** As many elements as the sizes of the graph, by hand. */
  @Test
  void anOperationsTensorsAreOfItsSizes() {
    assertEquals(
        List.of(
            new TrialMemory.Tensor(CudnnConvolutionGraph.X, 2L * 4 * 16 * 12 * 64),
            new TrialMemory.Tensor(CudnnConvolutionGraph.FILTER, 2L * 128 * 9 * 64),
            new TrialMemory.Tensor(CudnnConvolutionGraph.Y, 2L * 4 * 8 * 6 * 128),
            new TrialMemory.Tensor(CudnnConvolutionGraph.BIAS, 4L * 128),
            new TrialMemory.Tensor(CudnnConvolutionGraph.RESIDUAL, 2L * 4 * 8 * 6 * 128)),
        new CudnnConvolutionGraph(
                CudnnConvolutionGraph.Kind.FORWARD,
                4,
                16,
                12,
                64,
                128,
                Window.square(3, 2, 1),
                DataType.BF16,
                true,
                true,
                false)
            .tensors());
    // Rows of queries, keys and values side by side: the last row ends with its own part.
    AttentionShape self = AttentionRun.self(2, 100, 4, 32, true, DataType.BF16);
    long projected = 2 * (199 * 3 * 4 * 32 + 4 * 32);
    long result = 2 * 200 * 4 * 32;
    List<TrialMemory.Tensor> forward =
        List.of(
            new TrialMemory.Tensor(CudnnAttentionGraph.Q, projected),
            new TrialMemory.Tensor(CudnnAttentionGraph.K, projected),
            new TrialMemory.Tensor(CudnnAttentionGraph.V, projected),
            new TrialMemory.Tensor(CudnnAttentionGraph.Y, result));
    assertEquals(
        forward, new CudnnAttentionGraph(CudnnAttentionGraph.Kind.INFERENCE, self).tensors());
    List<TrialMemory.Tensor> all =
        new CudnnAttentionGraph(CudnnAttentionGraph.Kind.BACKWARD, self).tensors();
    assertEquals(forward, all.subList(0, 4));
    assertEquals(
        new TrialMemory.Tensor(CudnnAttentionGraph.STATISTICS, 2 * 4 * 100 * 4), all.get(4));
    assertEquals(10, all.size());
    AttentionShape cross = AttentionRun.cross(2, 100, 77, 4, 32, DataType.BF16);
    assertEquals(
        List.of(
            new TrialMemory.Tensor(CudnnAttentionGraph.Q, result),
            new TrialMemory.Tensor(CudnnAttentionGraph.K, 2 * (153 * 2 * 4 * 32 + 4 * 32)),
            new TrialMemory.Tensor(CudnnAttentionGraph.V, 2 * (153 * 2 * 4 * 32 + 4 * 32)),
            new TrialMemory.Tensor(CudnnAttentionGraph.Y, result)),
        new CudnnAttentionGraph(CudnnAttentionGraph.Kind.INFERENCE, cross).tensors());
  }
}
