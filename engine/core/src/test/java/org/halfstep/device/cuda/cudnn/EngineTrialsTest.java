package org.halfstep.device.cuda.cudnn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.halfstep.device.DataType;
import org.halfstep.device.Window;
import org.halfstep.device.cuda.HostDriver;
import org.halfstep.device.cuda.driver.CudaException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which of some plans is taken, without cuDNN: the plans are names, and their times are known. */
class EngineTrialsTest {
  private static final CudnnTarget TARGET = new CudnnTarget(1, null);
  private static final CudnnGraphSpec OPERATION =
      new CudnnConvolutionGraph(
          CudnnConvolutionGraph.Kind.FORWARD,
          1,
          8,
          8,
          8,
          8,
          Window.square(3, 1, 1),
          DataType.BF16,
          false,
          false,
          false);

  @TempDir Path folder;

  private static PlanTimer known(double... times) {
    return timer(plans -> times);
  }

  private interface Times {
    double[] of(List<CudnnPlan> plans);
  }

  private static PlanTimer timer(Times times) {
    return new PlanTimer() {
      @Override
      public boolean canRun(CudnnTarget target) {
        return true;
      }

      @Override
      public double[] microseconds(
          CudnnTarget target, CudnnGraphSpec operation, List<CudnnPlan> plans) {
        return times.of(plans);
      }
    };
  }

  private static List<CudnnPlan> plans(int count) {
    List<CudnnPlan> plans = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      plans.add(new CudnnPlan(null, 0, "engine " + i));
    }
    return plans;
  }

  private static Optional<String> fastest(double... times) {
    return new EngineTrials(known(times), new EngineLog(null))
        .fastest(TARGET, OPERATION, plans(times.length))
        .map(CudnnPlan::engine);
  }

  @Test
  void theFastestIsTakenAndOfEqualOnesTheFirst() {
    assertEquals(Optional.of("engine 2"), fastest(9, 8, 7.5, 12));
    assertEquals(Optional.of("engine 0"), fastest(7, 8, 7));
  }

  @Test
  void onesThatFailAreSkipped() {
    assertEquals(Optional.of("engine 1"), fastest(Double.NaN, 9, Double.NaN));
    assertEquals(Optional.of("engine 0"), fastest(9, Double.NaN));
    assertEquals(Optional.empty(), fastest(Double.NaN, Double.NaN));
  }

  @Test
  void anOnlyOneIsNotRun() {
    EngineTrials trials =
        new EngineTrials(
            timer(
                plans -> {
                  throw new AssertionError("nothing to choose");
                }),
            new EngineLog(null));
    assertEquals("engine 0", trials.fastest(TARGET, OPERATION, plans(1)).orElseThrow().engine());
    assertEquals(Optional.empty(), trials.fastest(TARGET, OPERATION, plans(0)));
    assertTrue(trials.summary().startsWith("0 operations in "), trials.summary());
  }

  @Test
  void whereNothingCanBeTimedNoneIsTaken() {
    for (RuntimeException failure :
        List.of(
            new IllegalStateException("too little memory"),
            new CudaException("cuStreamCreate", 2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"))) {
      EngineTrials trials =
          new EngineTrials(
              timer(
                  plans -> {
                    throw failure;
                  }),
              new EngineLog(null));
      assertEquals(Optional.empty(), trials.fastest(TARGET, OPERATION, plans(3)));
    }
  }

  @Test
  void everyOperationThatWasTimedIsALineOfTheLog() throws IOException {
    Path file = folder.resolve("engines.log");
    EngineTrials trials = new EngineTrials(known(9.125, 7.5, Double.NaN), new EngineLog(file));
    trials.fastest(TARGET, OPERATION, plans(3));
    trials.fastest(TARGET, OPERATION, plans(3));
    new EngineTrials(known(Double.NaN, Double.NaN), new EngineLog(file))
        .fastest(TARGET, OPERATION, plans(2));
    String line =
        OPERATION
            + "\tfirst 9.13 us\tbest 7.50 us engine 1"
            + "\tengine 0: 9.13 us\tengine 1: 7.50 us\tengine 2: failed";
    assertEquals(
        List.of(
            line,
            line,
            OPERATION + "\tfirst failed\tbest none\tengine 0: failed\tengine 1: failed"),
        Files.readAllLines(file));
    assertTrue(trials.summary().startsWith("2 operations in "), trials.summary());
  }

  @Test
  void aLogThatCannotBeWrittenChangesNothing() {
    EngineTrials trials =
        new EngineTrials(known(9, 7), new EngineLog(folder.resolve("no/such/folder/log")));
    assertEquals("engine 1", trials.fastest(TARGET, OPERATION, plans(2)).orElseThrow().engine());
  }

  /** Two devices of one process, two threads each. */
  @Test
  void oneOperationIsTimedAtATime() throws InterruptedException {
    AtomicInteger inside = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    PlanTimer slow =
        timer(
            plans -> {
              most.accumulateAndGet(inside.incrementAndGet(), Math::max);
              Thread.yield();
              inside.decrementAndGet();
              return new double[] {1, 2};
            });
    List<EngineTrials> devices =
        List.of(
            new EngineTrials(slow, new EngineLog(null)),
            new EngineTrials(slow, new EngineLog(null)));
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      EngineTrials device = devices.get(i % 2);
      threads.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    for (int turn = 0; turn < 1000; turn++) {
                      device.fastest(TARGET, OPERATION, plans(2));
                    }
                  }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertEquals(1, most.get());
    for (EngineTrials device : devices) {
      assertTrue(device.summary().startsWith("2000 operations in "), device.summary());
    }
  }

  @Test
  void whatIsInUseIsSaidWithWhatWasTimedByNow() {
    EngineTrials trials = new EngineTrials(known(9, 7), new EngineLog(null));
    trials.fastest(TARGET, OPERATION, plans(2));
    EngineSearch timed = new EngineSearch(false, null, Optional.of(trials));
    assertTrue(timed.isTimed());
    String said = timed.description();
    assertTrue(said.matches("timed, 1 operations in .* s, as halfstep.engines says"), said);
    EngineSearch deterministic = new EngineSearch(true, null, Optional.of(trials));
    assertFalse(deterministic.isTimed());
    assertEquals("first of cuDNN's ranking, deterministic", deterministic.description());
    assertEquals(
        "first of cuDNN's ranking; halfstep.engines=timed is faster, and its results are yet to be checked",
        new EngineSearch(false, null, Optional.empty()).description());
  }

  @Test
  void onlyAGpuThatIsThereRunsPlans() {
    HostDriver driver = new HostDriver();
    try (CudnnPlanTimer timer = new CudnnPlanTimer(driver)) {
      assertTrue(timer.canRun(new CudnnTarget(1, null)));
      assertFalse(timer.canRun(new CudnnTarget(0, null)));
    }
    assertEquals(0, driver.held());
  }
}
