package org.halfstep.device.cuda.cudnn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;
import org.halfstep.device.DataType;
import org.halfstep.device.Window;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** How plans are shared out to threads, without cuDNN. */
class PlanningThreadsTest {
  private static final int THREADS = 3;

  @AfterEach
  void nothingIsSet() {
    System.clearProperty(PlanningThreads.COUNT);
  }

  private static CudnnTarget target() {
    return new CudnnTarget(0, null);
  }

  private static PlanRequest request(int height, boolean bias) {
    return new PlanRequest(
        new CudnnConvolutionGraph(
            CudnnConvolutionGraph.Kind.FORWARD,
            1,
            height,
            8,
            8,
            8,
            Window.square(3, 1, 1),
            DataType.BF16,
            bias,
            false,
            false),
        1);
  }

  /** All threads must be at work at once to pass the barrier; each in its own attached thread. */
  @Test
  void threadsWorkAtOnceAndShareNoTarget() {
    CyclicBarrier together = new CyclicBarrier(THREADS);
    AtomicInteger made = new AtomicInteger();
    Set<Thread> attached = ConcurrentHashMap.newKeySet();
    Set<CudnnTarget> inUse = Collections.synchronizedSet(Collections.newSetFromMap(identity()));
    List<CompletableFuture<Boolean>> results = new ArrayList<>();
    try (PlanningThreads threads =
        new PlanningThreads(
            THREADS,
            () -> attached.add(Thread.currentThread()),
            () -> {
              made.incrementAndGet();
              return target();
            })) {
      for (int i = 0; i < 4 * THREADS; i++) {
        results.add(
            threads.submit(
                target -> {
                  boolean alone = inUse.add(target);
                  meet(together);
                  inUse.remove(target);
                  meet(together);
                  return alone && attached.contains(Thread.currentThread());
                }));
      }
      for (CompletableFuture<Boolean> result : results) {
        assertTrue(result.join());
      }
    }
    assertEquals(THREADS, made.get());
  }

  private static IdentityHashMap<CudnnTarget, Boolean> identity() {
    return new IdentityHashMap<>();
  }

  private static void meet(CyclicBarrier barrier) {
    try {
      barrier.await();
    } catch (Exception broken) {
      throw new IllegalStateException(broken);
    }
  }

  @Test
  void aPlanIsMadeOnceAndOneThatFailedIsTriedAgain() {
    List<PlanRequest> searched = Collections.synchronizedList(new ArrayList<>());
    AtomicInteger failures = new AtomicInteger(1);
    try (CudnnPlanner planner =
        new CudnnPlanner(
            (target, request) -> {
              searched.add(request);
              if (failures.getAndDecrement() > 0) {
                throw new IllegalStateException("the driver is busy");
              }
              return Optional.empty();
            },
            threads(1))) {
      PlanRequest wanted = request(8, false);
      IllegalStateException failure =
          assertThrows(IllegalStateException.class, () -> planner.find(wanted));
      assertEquals("the driver is busy", failure.getMessage());
      planner.start(wanted);
      assertTrue(planner.find(wanted).isEmpty());
      assertTrue(planner.find(request(8, false)).isEmpty());
      assertEquals(List.of(wanted, wanted), searched);
    }
  }

  private static PlanningThreads threads(int count) {
    return new PlanningThreads(count, () -> {}, PlanningThreadsTest::target);
  }

  @Test
  void whereAnEpilogueIsNotFusedTheBareConvolutionIsBegunAtOnce() throws InterruptedException {
    List<PlanRequest> searched = Collections.synchronizedList(new ArrayList<>());
    CountDownLatch both = new CountDownLatch(2);
    try (CudnnPlanner planner =
        new CudnnPlanner(
            (target, request) -> {
              searched.add(request);
              both.countDown();
              return Optional.empty();
            },
            threads(2))) {
      assertTrue(planner.find(request(8, true)).isEmpty());
      both.await();
    }
    assertEquals(List.of(request(8, true), request(8, false)), searched);
  }

  /** Closing is asked for while one plan is being made and another waits for the only thread. */
  @Test
  void closingWaitsForWhatRunsAndDropsWhatDoesNot() throws InterruptedException {
    CountDownLatch running = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    List<PlanRequest> done = Collections.synchronizedList(new ArrayList<>());
    CudnnPlanner planner =
        new CudnnPlanner(
            (target, request) -> {
              running.countDown();
              await(goOn);
              done.add(request);
              return Optional.empty();
            },
            threads(1));
    planner.start(request(8, false));
    planner.start(request(16, false));
    running.await();
    CompletableFuture<Optional<CudnnPlan>> waiting =
        CompletableFuture.supplyAsync(() -> planner.find(request(16, false)));
    Thread closing = Thread.ofPlatform().start(planner::close);
    CompletionException refused = assertThrows(CompletionException.class, waiting::join);
    assertEquals("the CUDA device is closed", refused.getCause().getMessage());
    assertTrue(closing.isAlive(), "a plan is still being made");
    goOn.countDown();
    closing.join();
    assertEquals(List.of(request(8, false)), done);
    assertThrows(IllegalStateException.class, () -> planner.start(request(8, false)));
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException stopped) {
      throw new IllegalStateException(stopped);
    }
  }

  @Test
  void whatIsAnnouncedBeginsWithTheFirstThatIsAskedFor() {
    List<String> calls = new ArrayList<>();
    WantedPlans plans =
        new WantedPlans(
            request -> calls.add("start " + height(request)),
            request -> {
              calls.add("find " + height(request));
              return Optional.empty();
            });
    PlanRequest one = request(8, false);
    PlanRequest two = request(16, false);
    plans.announce(one);
    plans.announce(two);
    plans.announce(one);
    assertEquals(List.of(), calls);
    plans.find(two);
    plans.find(one);
    assertEquals(List.of("start 8", "start 16", "find 16", "find 8"), calls);
    String message =
        assertThrows(IllegalStateException.class, () -> plans.require(one)).getMessage();
    assertTrue(message.startsWith("cuDNN has no engine for CudnnConvolutionGraph"), message);
  }

  private static int height(PlanRequest request) {
    return ((CudnnConvolutionGraph) request.operation()).height();
  }

  @Test
  void theNumberOfThreadsIsAProperty() {
    assertEquals(Runtime.getRuntime().availableProcessors(), PlanningThreads.count());
    System.setProperty(PlanningThreads.COUNT, "3");
    assertEquals(3, PlanningThreads.count());
    for (String wrong : List.of("0", "many", "-1", "1025")) {
      System.setProperty(PlanningThreads.COUNT, wrong);
      String message =
          assertThrows(IllegalArgumentException.class, PlanningThreads::count).getMessage();
      assertEquals(
          "system property halfstep.planners is a number of threads, 1 to 1024, not: " + wrong,
          message);
    }
  }
}
