package org.halfstep.device.cuda.cudnn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import org.halfstep.bindings.Cudnn;
import org.halfstep.device.AttentionRun;
import org.halfstep.device.AttentionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Window;
import org.halfstep.device.cuda.HostDriver;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Plans of cuDNN's whose times are made up, where cuDNN is installed; real times on a real GPU. */
class EngineSearchTest {
  private static final PlanRequest REQUEST =
      new PlanRequest(convolution(CudnnConvolutionGraph.Kind.FORWARD, false), 64L << 20);

  @TempDir Path folder;

  @BeforeAll
  static void cudnnIsThere() {
    PlannedGpu.requireCudnn();
  }

  private static CudnnConvolutionGraph convolution(
      CudnnConvolutionGraph.Kind kind, boolean followed) {
    return new CudnnConvolutionGraph(
        kind, 4, 16, 16, 64, 128, Window.square(3, 1, 1), DataType.BF16, followed, followed, false);
  }

  /** Runs nothing: one plan is the fastest, and all that it was asked about are kept as text. */
  private static final class KnownTimes implements PlanTimer {
    private final int fastest;
    private final boolean fails;
    final List<String> plans = new ArrayList<>();
    final List<String> engines = new ArrayList<>();
    int calls;

    KnownTimes(int fastest, boolean fails) {
      this.fastest = fastest;
      this.fails = fails;
    }

    @Override
    public boolean canRun(CudnnTarget target) {
      return true;
    }

    @Override
    public double[] microseconds(
        CudnnTarget target, CudnnGraphSpec operation, List<CudnnPlan> candidates) {
      calls++;
      candidates.stream().map(EngineSearchTest::text).forEach(plans::add);
      candidates.stream().map(CudnnPlan::engine).forEach(engines::add);
      double[] times = new double[candidates.size()];
      Arrays.fill(times, fails ? Double.NaN : 10);
      if (!fails) {
        times[fastest] = 5;
      }
      return times;
    }
  }

  private static String text(CudnnPlan plan) {
    return plan.descriptor().getText(Cudnn.CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION);
  }

  /** The engine and the text of the plan that is found. */
  private List<String> found(boolean deterministic, PlanTimer timer) {
    Optional<EngineTrials> trials =
        Optional.ofNullable(timer).map(runs -> new EngineTrials(runs, new EngineLog(null)));
    EngineSearch search =
        new EngineSearch(deterministic, new CudnnPlanCache(folder, "H200"), trials);
    try (CudnnPlanner planner = PlannedGpu.planner(search, 1)) {
      CudnnPlan plan = planner.find(REQUEST).orElseThrow();
      return List.of(plan.engine(), text(plan));
    }
  }

  @Test
  void theFastestIsTakenAndFromThenOnComesFromTheCache() {
    KnownTimes times = new KnownTimes(2, false);
    List<String> found = found(false, times);
    assertEquals(1, times.calls);
    assertEquals(List.of(times.engines.get(2), times.plans.get(2)), found);

    KnownTimes others = new KnownTimes(0, false);
    assertEquals("from the cache", found(false, others).getFirst());
    assertEquals(0, others.calls);
  }

  @Test
  void noEngineIsTimedTwiceAndTheFirstIsTheOneThatIsTakenWithoutTiming() {
    KnownTimes times = new KnownTimes(1, false);
    found(false, times);
    assertTrue(times.plans.size() >= 3, times.engines.toString());
    assertTrue(times.plans.size() <= EngineSearch.MOST_CANDIDATES);
    assertEquals(times.engines.size(), new HashSet<>(times.engines).size());
    assertEquals(times.plans.size(), new HashSet<>(times.plans).size());
    assertTrue(
        times.engines.stream().map(name -> name.split(" ")[1]).distinct().count() > 1,
        "several engines, not only tiles of one: " + times.engines);
    // A plan from the cache of those that were timed would be another.
    assertEquals(List.of(times.engines.get(0), times.plans.get(0)), found(false, null));
  }

  @Test
  void whereAllFailTheFirstIsTakenAndTimedAgainNextTime() {
    KnownTimes failing = new KnownTimes(0, true);
    List<String> found = found(false, failing);
    assertEquals(failing.plans.getFirst(), found.getLast());
    KnownTimes times = new KnownTimes(1, false);
    assertNotEquals("from the cache", found(false, times).getFirst());
    assertEquals(1, times.calls);
  }

  @Test
  void nothingIsTimedWhereResultsMustNotChange() {
    KnownTimes times = new KnownTimes(1, false);
    found(true, times);
    assertEquals(0, times.calls);
  }

  /** The timer is the real one: it would fail without a GPU. */
  @Test
  void aGpuThatIsOnlyDescribedRunsNothing() {
    assumeTrue(PlannedGpu.driver().isEmpty(), "there is a GPU");
    HostDriver driver = new HostDriver();
    try (CudnnPlanTimer timer = new CudnnPlanTimer(driver)) {
      EngineTrials trials = new EngineTrials(timer, new EngineLog(null));
      int held = driver.held();
      EngineSearch search =
          new EngineSearch(false, new CudnnPlanCache(folder, "H200"), Optional.of(trials));
      try (CudnnPlanner planner = PlannedGpu.planner(search, 1)) {
        assertTrue(planner.find(REQUEST).isPresent());
      }
      assertTrue(trials.summary().startsWith("0 operations"), trials.summary());
      assertEquals(held, driver.held());
      assertEquals(0, driver.waits);
    }
    assertEquals(found(false, null).getFirst(), "from the cache");
  }

  /** Every kind of graph runs in the memory that is made for it. */
  @Test
  void plansOfEveryKindRunOnAGpu() {
    assumeTrue(PlannedGpu.driver().isPresent(), "there is no GPU");
    AttentionShape shape = AttentionRun.self(2, 256, 4, 64, true, DataType.BF16);
    List<CudnnGraphSpec> operations = new ArrayList<>();
    for (CudnnConvolutionGraph.Kind kind : CudnnConvolutionGraph.Kind.values()) {
      operations.add(convolution(kind, false));
    }
    operations.add(convolution(CudnnConvolutionGraph.Kind.FORWARD, true));
    for (CudnnAttentionGraph.Kind kind : CudnnAttentionGraph.Kind.values()) {
      operations.add(new CudnnAttentionGraph(kind, shape));
    }
    try (CudnnPlanTimer real = new CudnnPlanTimer(PlannedGpu.driver().orElseThrow())) {
      List<String> failed = new ArrayList<>();
      PlanTimer timer =
          new PlanTimer() {
            @Override
            public boolean canRun(CudnnTarget target) {
              return real.canRun(target);
            }

            @Override
            public double[] microseconds(
                CudnnTarget target, CudnnGraphSpec operation, List<CudnnPlan> plans) {
              double[] times = real.microseconds(target, operation, plans);
              for (int i = 0; i < times.length; i++) {
                if (!(times[i] > 0)) {
                  failed.add(operation + " " + plans.get(i).engine());
                }
              }
              return times;
            }
          };
      EngineSearch search =
          new EngineSearch(
              false,
              new CudnnPlanCache(folder, "GPU"),
              Optional.of(new EngineTrials(timer, new EngineLog(null))));
      try (CudnnPlanner planner = PlannedGpu.planner(search, 4)) {
        for (CudnnGraphSpec operation : operations) {
          planner.start(new PlanRequest(operation, 256L << 20));
        }
        for (CudnnGraphSpec operation : operations) {
          assertFalse(planner.find(new PlanRequest(operation, 256L << 20)).isEmpty());
        }
      }
      assertEquals(List.of(), failed);
    }
  }
}
