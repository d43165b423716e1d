package org.halfstep.device.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.halfstep.device.AttentionRun;
import org.halfstep.device.AttentionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.device.cuda.library.LibraryAttention;
import org.junit.jupiter.api.Test;

/** Each pass of attention is the library's where it has one, over a driver that is not there. */
class AttentionChoiceTest {
  private static final AttentionShape SHAPE = AttentionRun.self(2, 9, 2, 8, false, DataType.F32);

  private static final long WORKSPACE = 12_345;

  /** A library with some passes, by the CPU's kernels. */
  private static final class Library implements LibraryAttention {
    final List<String> calls;
    final Operations operations;
    final boolean hasBackward;

    Library(List<String> calls, Operations operations, boolean hasBackward) {
      this.calls = calls;
      this.operations = operations;
      this.hasBackward = hasBackward;
    }

    @Override
    public long forwardWorkspaceBytes() {
      return WORKSPACE;
    }

    @Override
    public long backwardWorkspaceBytes() {
      return hasBackward ? WORKSPACE : 0;
    }

    private Launch counted(String call, Launch launch) {
      return () -> {
        calls.add(call);
        launch.run();
      };
    }

    @Override
    public Optional<Launch> forward(AttentionShape.Memory memory) {
      return Optional.of(
          counted(
              memory.logSumExp() == 0 ? "inference" : "forward",
              operations.attentionForward(SHAPE, memory)));
    }

    @Override
    public Optional<Launch> backward(
        AttentionShape.Memory memory, AttentionShape.Gradients gradients) {
      return hasBackward
          ? Optional.of(counted("backward", operations.attentionBackward(SHAPE, memory, gradients)))
          : Optional.empty();
    }

    @Override
    public void close() {
      calls.add("closed");
    }
  }

  private static List<String> callsOf(boolean hasBackward) {
    List<String> calls = new ArrayList<>();
    try (CpuDevice cpu = new CpuDevice(0);
        Operations reference = cpu.operations();
        HostGpu gpu =
            new HostGpu(shape -> Optional.of(new Library(calls, reference, hasBackward)))) {
      AttentionRun expected = AttentionRun.on(cpu, reference, SHAPE);
      try (Operations operations = gpu.device.operations()) {
        AttentionRun run = AttentionRun.on(gpu.device, operations, SHAPE);
        assertArrayEquals(expected.inference(), run.inference());
        assertArrayEquals(expected.y(), run.y());
        assertArrayEquals(expected.logSumExp(), run.logSumExp());
        assertArrayEquals(expected.dqkv(), run.dqkv());
        assertEquals(WORKSPACE, operations.attentionWorkspaceBytes(SHAPE, false));
        assertEquals(
            hasBackward ? WORKSPACE : reference.attentionWorkspaceBytes(SHAPE, true),
            operations.attentionWorkspaceBytes(SHAPE, true));
      }
    }
    return calls;
  }

  @Test
  void everyPassIsTheLibrarys() {
    assertEquals(List.of("inference", "forward", "backward", "closed"), callsOf(true));
  }

  @Test
  void aPassThatItHasNotIsOurs() {
    assertEquals(List.of("inference", "forward", "closed"), callsOf(false));
  }
}
