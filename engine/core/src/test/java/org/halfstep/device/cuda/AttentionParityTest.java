package org.halfstep.device.cuda;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Optional;
import java.util.stream.Stream;
import org.halfstep.device.AttentionAlgorithm;
import org.halfstep.device.AttentionRun;
import org.halfstep.device.AttentionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceOptions;
import org.halfstep.device.Devices;
import org.halfstep.device.Operations;
import org.halfstep.device.cpu.CpuDevice;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Attention in bfloat16, by cuDNN where it is taken and by our own kernels, against the CPU's in
 * float32. Where there is no GPU, the CPU's bfloat16 takes its place, so that the comparison itself
 * is tested.
 */
@Tag("cuda")
class AttentionParityTest {
  /** Relative errors, in the Euclidean norm, of one operation in bfloat16. */
  private static final double TOLERANCE = 0.02;

  private static final double LOG_SUM_EXP_TOLERANCE = 0.002;

  /** Sizes that fill tiles and that do not. */
  static Stream<AttentionShape> shapes() {
    return Stream.of(
        AttentionRun.self(2, 256, 4, 64, false, DataType.BF16),
        AttentionRun.self(1, 196, 2, 40, true, DataType.BF16),
        AttentionRun.self(3, 65, 1, 128, false, DataType.BF16),
        AttentionRun.self(1, 1024, 2, 64, true, DataType.BF16),
        AttentionRun.self(5, 64, 3, 8, false, DataType.BF16),
        AttentionRun.self(2, 49, 2, 64, false, DataType.BF16),
        AttentionRun.cross(2, 256, 77, 2, 40, DataType.BF16),
        AttentionRun.self(1, 100, 1, 512, true, DataType.BF16));
  }

  private static void close(String what, float[] reference, float[] values, double tolerance) {
    double error = AttentionRun.relativeError(reference, values);
    System.out.printf("ATTENTION %s: relative error %.2g%n", what, error);
    assertTrue(error < tolerance, what + ": relative error " + error + ", at most " + tolerance);
  }

  private static void compare(Device device, String name, AttentionShape shape) {
    try (Device cpu = new CpuDevice(0);
        Operations reference = cpu.operations();
        Operations operations = device.operations()) {
      AttentionRun expected = AttentionRun.on(cpu, reference, AttentionRun.as(shape, DataType.F32));
      AttentionRun run = AttentionRun.on(device, operations, shape);
      String what = name + " " + shape.queries() + " x " + shape.headWidth() + " ";
      close(what + "inference", expected.inference(), run.inference(), TOLERANCE);
      close(what + "y", expected.y(), run.y(), TOLERANCE);
      close(what + "logsumexp", expected.logSumExp(), run.logSumExp(), LOG_SUM_EXP_TOLERANCE);
      close(what + "dqkv", expected.dqkv(), run.dqkv(), TOLERANCE);
    }
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void theProcessorsBfloat16IsAsClose(AttentionShape shape) {
    try (Device cpu = new CpuDevice(0)) {
      compare(cpu, "cpu", shape);
    }
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void everyWayOnTheGpu(AttentionShape shape) {
    Optional<String> problem = Devices.backend(Devices.CUDA).problem();
    assumeTrue(problem.isEmpty(), () -> problem.orElse(""));
    DeviceOptions options = DeviceOptions.standard();
    try (Device fastest = Devices.open(Devices.CUDA, options)) {
      compare(fastest, "fastest", shape);
    }
    try (Device mixed = Devices.open(Devices.CUDA, options.withDeterministic(true))) {
      compare(mixed, "deterministic", shape);
    }
    try (Device own = Devices.open(Devices.CUDA, options.withAttention(AttentionAlgorithm.OWN))) {
      compare(own, "own", shape);
    }
  }
}
