package org.halfstep.device.cuda.cudnn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.halfstep.bindings.Cudnn;
import org.halfstep.device.DataType;
import org.halfstep.device.Window;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Plans for the GPU that is there or for one that is described, where cuDNN is installed. */
class CudnnPlannerTest {
  private static final long WORKSPACE = 64L << 20;

  @TempDir Path folder;

  @BeforeAll
  static void cudnnIsThere() {
    PlannedGpu.requireCudnn();
  }

  private CudnnPlanner planner() {
    return PlannedGpu.planner(true, new CudnnPlanCache(folder, "H200"), 2);
  }

  private static CudnnPlan require(CudnnPlanner planner, CudnnGraphSpec operation) {
    return new WantedPlans(planner::start, planner::find)
        .require(new PlanRequest(operation, WORKSPACE));
  }

  private static CudnnConvolutionGraph operation(
      CudnnConvolutionGraph.Kind kind, DataType type, Window window, boolean bias) {
    return new CudnnConvolutionGraph(kind, 4, 16, 16, 64, 128, window, type, bias, false, false);
  }

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"F32", "TF32", "BF16"})
  void everyKindHasAnEngineInEveryPrecision(DataType type) {
    try (CudnnPlanner planner = planner()) {
      for (CudnnConvolutionGraph.Kind kind : CudnnConvolutionGraph.Kind.values()) {
        for (int stride = 1; stride <= 2; stride++) {
          Window window = Window.square(3, stride, 1);
          CudnnPlan plan = require(planner, operation(kind, type, window, false));
          assertTrue(plan.workspaceBytes() <= WORKSPACE);
        }
      }
    }
  }

  @Test
  void aPlanIsReadBackFromTheCache() {
    CudnnConvolutionGraph wanted =
        operation(CudnnConvolutionGraph.Kind.FORWARD, DataType.BF16, Window.square(3, 1, 1), false);
    CudnnPlan first;
    try (CudnnPlanner planner = planner()) {
      first = require(planner, wanted);
      assertTrue(first.engine().startsWith("engine "), first.engine());
      assertEquals(first, require(planner, wanted));
    }
    try (CudnnPlanner planner = planner()) {
      CudnnPlan again = require(planner, wanted);
      assertEquals("from the cache", again.engine());
      assertEquals(first.workspaceBytes(), again.workspaceBytes());
    }
  }

  @Test
  void whatCudnnDoesNotTakeFromTheCacheIsMadeAnew() {
    CudnnConvolutionGraph wanted =
        operation(CudnnConvolutionGraph.Kind.FORWARD, DataType.BF16, Window.square(3, 1, 1), false);
    String key = new PlanRequest(wanted, WORKSPACE).key(true, EngineChoice.FIRST);
    new CudnnPlanCache(folder, "H200").store(key, "{\"no\": \"plan\"}");
    try (CudnnPlanner planner = planner()) {
      assertTrue(require(planner, wanted).engine().startsWith("engine "));
    }
  }

  @Test
  void aBiasInFloat32IsFusedWithoutCompiling() {
    try (CudnnPlanner planner = planner()) {
      Optional<CudnnPlan> fused =
          planner.find(
              new PlanRequest(
                  operation(
                      CudnnConvolutionGraph.Kind.FORWARD,
                      DataType.F32,
                      Window.square(3, 1, 1),
                      true),
                  WORKSPACE));
      assertTrue(fused.isPresent());
    }
  }

  /** Shapes of a network, in every pass and two precisions. */
  private static List<PlanRequest> many() {
    List<PlanRequest> requests = new ArrayList<>();
    for (DataType type : List.of(DataType.TF32, DataType.F32)) {
      for (CudnnConvolutionGraph.Kind kind : CudnnConvolutionGraph.Kind.values()) {
        for (int size = 8; size <= 32; size *= 2) {
          requests.add(
              new PlanRequest(
                  new CudnnConvolutionGraph(
                      kind,
                      8,
                      size,
                      size,
                      1024 / size,
                      2048 / size,
                      Window.square(3, 1, 1),
                      type,
                      false,
                      false,
                      false),
                  WORKSPACE));
        }
      }
    }
    return requests;
  }

  private static Map<PlanRequest, String> made(CudnnPlanner planner, List<PlanRequest> requests) {
    WantedPlans plans = new WantedPlans(planner::start, planner::find);
    requests.forEach(plans::announce);
    Map<PlanRequest, String> made = new HashMap<>();
    for (PlanRequest request : requests) {
      CudnnPlan plan = plans.require(request);
      made.put(
          request,
          plan.workspaceBytes()
              + " "
              + plan.descriptor().getText(Cudnn.CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION));
    }
    return made;
  }

  @Test
  void plansAreTheSameHoweverManyAreMadeAtATimeAndInWhichOrder() {
    List<PlanRequest> requests = many();
    Map<PlanRequest, String> expected;
    try (CudnnPlanner alone = PlannedGpu.planner(true, new CudnnPlanCache(null, "H200"), 1)) {
      expected = made(alone, requests);
    }
    for (int round = 0; round < 3; round++) {
      Collections.shuffle(requests, new Random(round));
      try (CudnnPlanner planner = PlannedGpu.planner(true, new CudnnPlanCache(null, "H200"), 5)) {
        assertEquals(expected, made(planner, requests));
      }
    }
  }

  @Test
  void plannersOfSeveralProcessesShareACache() {
    List<PlanRequest> requests = many();
    Map<PlanRequest, String> first;
    try (CudnnPlanner one = planner();
        CudnnPlanner other = planner()) {
      requests.forEach(one::start);
      requests.forEach(other::start);
      first = made(one, requests);
      assertEquals(first, made(other, requests));
    }
    try (CudnnPlanner later = planner()) {
      for (PlanRequest request : requests) {
        assertEquals("from the cache", later.find(request).orElseThrow().engine());
      }
    }
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(requests.size(), files.count(), "one file for each plan, and no other");
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }

  @Test
  void notesDecideWhatMayBeUsed() {
    int[] none = {};
    int[] tensorCores = {Cudnn.CUDNN_NUMERICAL_NOTE_TENSOR_CORE};
    int[] reduced = {Cudnn.CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION};
    int[] changing = {Cudnn.CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC};
    int[] compiled = {Cudnn.CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION};
    CudnnEngines strict = new CudnnEngines(true);
    CudnnEngines free = new CudnnEngines(false);
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
