package org.halfstep.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.util.Optional;
import org.halfstep.bindings.CudaLibrary;
import org.halfstep.bindings.Cudnn;
import org.halfstep.bindings.NativeLibraryException;
import org.halfstep.device.DataType;
import org.halfstep.device.Window;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Plans for an H200 that need not be there: cuDNN makes them where it is installed. */
class CudnnPlannerTest {
  private static final long WORKSPACE = 64L << 20;

  @TempDir Path folder;

  @BeforeAll
  static void cudnnIsThere() {
    try {
      CudaLibrary.CUDNN.load();
    } catch (NativeLibraryException absent) {
      assumeTrue(false, "cuDNN was not found, so nothing can be planned");
    }
    assumeTrue(
        Cudnn.cudnnGetVersion() >= DescribedH200.LEAST_VERSION,
        "this cuDNN plans only for devices that are there");
  }

  private CudnnPlanner planner() {
    return new CudnnPlanner(DescribedH200.target(), true, new PlanCache(folder, "H200"));
  }

  private static ConvolutionOperation operation(
      ConvolutionOperation.Kind kind, DataType type, Window window, boolean bias) {
    return new ConvolutionOperation(kind, 4, 16, 16, 64, 128, window, type, bias, false, false);
  }

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"F32", "TF32", "BF16"})
  void everyKindHasAnEngineInEveryPrecision(DataType type) {
    try (CudnnPlanner planner = planner()) {
      for (ConvolutionOperation.Kind kind : ConvolutionOperation.Kind.values()) {
        for (int stride = 1; stride <= 2; stride++) {
          Window window = Window.square(3, stride, 1);
          CudnnPlan plan = planner.require(operation(kind, type, window, false), WORKSPACE);
          assertTrue(plan.workspaceBytes() <= WORKSPACE);
        }
      }
    }
  }

  @Test
  void aPlanIsReadBackFromTheCache() {
    ConvolutionOperation wanted =
        operation(ConvolutionOperation.Kind.FORWARD, DataType.BF16, Window.square(3, 1, 1), false);
    CudnnPlan first;
    try (CudnnPlanner planner = planner()) {
      first = planner.require(wanted, WORKSPACE);
      assertTrue(first.engine().startsWith("engine "), first.engine());
      assertEquals(first, planner.require(wanted, WORKSPACE));
    }
    try (CudnnPlanner planner = planner()) {
      CudnnPlan again = planner.require(wanted, WORKSPACE);
      assertEquals("from the cache", again.engine());
      assertEquals(first.workspaceBytes(), again.workspaceBytes());
    }
  }

  @Test
  void whatCudnnDoesNotTakeFromTheCacheIsMadeAnew() {
    ConvolutionOperation wanted =
        operation(ConvolutionOperation.Kind.FORWARD, DataType.BF16, Window.square(3, 1, 1), false);
    String key = wanted + ", workspace up to " + WORKSPACE + ", deterministic";
    new PlanCache(folder, "H200").store(key, "{\"no\": \"plan\"}");
    try (CudnnPlanner planner = planner()) {
      assertTrue(planner.require(wanted, WORKSPACE).engine().startsWith("engine "));
    }
  }

  @Test
  void aBiasInFloat32IsFusedWithoutCompiling() {
    try (CudnnPlanner planner = planner()) {
      Optional<CudnnPlan> fused =
          planner.find(
              operation(
                  ConvolutionOperation.Kind.FORWARD, DataType.F32, Window.square(3, 1, 1), true),
              WORKSPACE);
      assertTrue(fused.isPresent());
    }
  }

  @Test
  void notesDecideWhatMayBeUsed() {
    int[] none = {};
    int[] tensorCores = {Cudnn.CUDNN_NUMERICAL_NOTE_TENSOR_CORE};
    int[] reduced = {Cudnn.CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION};
    int[] changing = {Cudnn.CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC};
    int[] compiled = {Cudnn.CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION};
    CudnnPlanner strict = new CudnnPlanner(null, true, null);
    CudnnPlanner free = new CudnnPlanner(null, false, null);
    assertTrue(strict.allowed(none, none, DataType.F32));
    assertFalse(strict.allowed(tensorCores, none, DataType.F32));
    assertTrue(strict.allowed(tensorCores, none, DataType.TF32));
    assertTrue(strict.allowed(tensorCores, compiled, DataType.BF16));
    assertFalse(strict.allowed(none, compiled, DataType.F32));
    assertFalse(free.allowed(reduced, none, DataType.BF16));
    assertFalse(strict.allowed(changing, none, DataType.BF16));
    assertTrue(free.allowed(changing, none, DataType.BF16));
  }
}
