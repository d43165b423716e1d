package org.halfstep.sample;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.halfstep.HeapAllocation;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Solver;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DiffusionModelTest {
  private static final int STEPS = 4;

  @TempDir static Path folder;
  private DiffusionModel teacher;
  private DiffusionModel student;

  @BeforeEach
  void open() throws IOException {
    teacher = DiffusionModel.open(TinyModels.teacher(folder.resolve("teacher.safetensors")));
    student = DiffusionModel.open(TinyModels.student(folder.resolve("student.safetensors"), 2));
  }

  /** What a closed model leaves behind fails the test: LeakCheck watches all of them. */
  @AfterEach
  void close() {
    teacher.close();
    student.close();
    teacher.close();
  }

  private static float[] sample(DiffusionModel model, SampleRequest request) {
    float[] values = new float[request.count() * model.imageValues()];
    model.sample(request, MemorySegment.ofArray(values));
    return values;
  }

  private static int[] labels(int count) {
    return IntStream.range(0, count).map(i -> i % TinyModels.CLASSES.size()).toArray();
  }

  @Test
  void anImageThatIsNotFiniteFailsAndNamesTheStep() throws IOException {
    // The second overflows a float by itself; the first after what a step makes of it.
    float[] times = {1e35f, 1e37f};
    for (int i = 0; i < times.length; i++) {
      Path file = TinyModels.teacher(folder.resolve("huge.safetensors"), times[i]);
      try (DiffusionModel huge = DiffusionModel.open(file)) {
        SampleRequest request =
            huge.request(labels(3))
                .withSeed(3)
                .withFirstImage(5)
                .withSteps(STEPS)
                .withGuidance(SampleRequest.MOST_GUIDANCE);
        float[] values = new float[3 * huge.imageValues()];
        NotFiniteException failure =
            assertThrows(
                NotFiniteException.class,
                () -> huge.sample(request, MemorySegment.ofArray(values)));
        String line = "image [567] of seed 3 is not finite after step " + (2 - i) + " of 4, with.*";
        assertTrue(failure.getMessage().matches(line), failure.getMessage());
        assertThrows(NotFiniteException.class, () -> huge.sample(request));
      }
    }
  }

  @Test
  void theNetworkOfAClosedModelIsNotReadable() throws IOException {
    try (Device device = new CpuDevice(1)) {
      Network<UNetConfig, ModelCard> network =
          Network.load(device, UNetConfig.FORMAT, folder.resolve("teacher.safetensors"));
      network.close();
      IllegalStateException closed =
          assertThrows(IllegalStateException.class, () -> network.weights().toArray());
      assertTrue(closed.getMessage().contains("closed"), closed.getMessage());
    }
  }

  @Test
  void anImageIsTheSameInAnyBatch() {
    for (double guidance : new double[] {0, 1.5}) {
      SampleRequest all =
          teacher.request(labels(16)).withSeed(3).withGuidance(guidance).withSteps(STEPS);
      float[] together = sample(teacher, all);
      for (int size : new int[] {1, 2, 4, 8}) {
        for (int from = 0; from < all.count(); from += size) {
          assertArrayEquals(
              Arrays.copyOfRange(
                  together, from * teacher.imageValues(), (from + size) * teacher.imageValues()),
              sample(teacher, all.slice(from, from + size)),
              "images from " + from + " in a batch of " + size + ", w = " + guidance);
        }
      }
    }
  }

  @Test
  void aRequestIsStoppedBetweenSteps() throws Exception {
    SampleRequest brief = teacher.request(0).withSteps(STEPS);
    float[] before = sample(teacher, brief);
    MemorySegment room = MemorySegment.ofArray(new float[teacher.imageValues()]);
    SampleRequest endless = brief.withSteps(SampleRequest.MOST_STEPS);
    Cancellation cancellation = new Cancellation();
    CompletableFuture<Void> running =
        CompletableFuture.runAsync(() -> teacher.sample(endless, room, cancellation));
    cancellation.cancel();
    ExecutionException failure =
        assertThrows(ExecutionException.class, () -> running.get(60, TimeUnit.SECONDS));
    assertInstanceOf(CancellationException.class, failure.getCause());
    assertTrue(cancellation.isCancelled());
    assertArrayEquals(before, sample(teacher, brief), "the model is as good as before");
  }

  @Test
  void anInterruptStopsARequestWhileItRuns() throws Exception {
    MemorySegment room = MemorySegment.ofArray(new float[teacher.imageValues()]);
    SampleRequest endless = teacher.request(0).withSteps(SampleRequest.MOST_STEPS);
    CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
    Thread thread =
        Thread.ofPlatform()
            .start(
                () -> {
                  try {
                    teacher.sample(endless, room);
                    interrupted.complete(false);
                  } catch (CancellationException stopped) {
                    interrupted.complete(Thread.currentThread().isInterrupted());
                  }
                });
    Thread.sleep(200);
    thread.interrupt();
    assertTrue(interrupted.get(60, TimeUnit.SECONDS), "stopped, and still interrupted");
    thread.join();
  }

  @Test
  void numbersOutOfRangeAreRefused() {
    SampleRequest four = SampleRequest.of(new int[4], 0, 1, 4);
    assertThrows(IndexOutOfBoundsException.class, () -> four.slice(0, 5));
    assertThrows(IndexOutOfBoundsException.class, () -> four.slice(3, 2));
    SampleRequest request = teacher.request(0);
    for (int steps : new int[] {0, -1, Integer.MAX_VALUE}) {
      assertThrows(IllegalArgumentException.class, () -> request.withSteps(steps));
    }
    for (double w : new double[] {-1, Double.NaN, 1e38, Double.POSITIVE_INFINITY}) {
      assertThrows(IllegalArgumentException.class, () -> request.withGuidance(w));
    }
    assertThrows(
        IllegalArgumentException.class, () -> request.withFirstImage(Long.MAX_VALUE).count());
    ModelOptions options = ModelOptions.standard();
    assertThrows(IllegalArgumentException.class, () -> options.withMaxBatch(1 << 30));
    assertThrows(IllegalArgumentException.class, () -> options.withThreads(8000));
  }

  @Test
  void theSeedAndTheImageNumberMakeTheImage() {
    SampleRequest request = teacher.request(0, 0).withSteps(STEPS);
    float[] two = sample(teacher, request);
    int values = teacher.imageValues();
    assertFalse(Arrays.equals(two, 0, values, two, values, 2 * values));
    assertFalse(Arrays.equals(two, sample(teacher, request.withSeed(1))));
    assertArrayEquals(
        Arrays.copyOfRange(two, values, 2 * values),
        sample(teacher, teacher.request(0).withSteps(STEPS).withFirstImage(1)));
  }

  @Test
  void labelGuidanceAndClippingShow() {
    SampleRequest request = teacher.request(0).withSteps(STEPS).withGuidance(0);
    float[] plain = sample(teacher, request);
    assertFalse(
        Arrays.equals(plain, sample(teacher, teacher.request(1).withSteps(STEPS).withGuidance(0))));
    assertFalse(Arrays.equals(plain, sample(teacher, request.withGuidance(2))));
    for (float value : sample(teacher, request.withClip(true))) {
      assertTrue(value >= -1 && value <= 1, "a clipped image ends in [-1, 1], got " + value);
    }
  }

  @Test
  void aGuidedTeacherPaysOnlyForGuidance() {
    SampleRequest request = teacher.request(0).withSteps(STEPS);
    assertEquals(STEPS, teacher.evaluations(request.withGuidance(0)));
    assertEquals(2 * STEPS, teacher.evaluations(request.withGuidance(1)));
    assertEquals(2, student.evaluations(student.request(0).withGuidance(3)));
  }

  @Test
  void aStudentRefusesWhatItWasNotDistilledFor() {
    SampleRequest request = student.request(0);
    assertEquals(2, request.steps());
    assertRefused(
        "this student was distilled for 2 steps and takes no other number, got 4",
        request.withSteps(4));
    assertRefused(
        "this network was distilled for guidance w in [0.0, 4.0], got 4.5",
        request.withGuidance(4.5));
    assertRefused(
        "this student was distilled for the ddim sampler, got ancestral",
        request.withSampler(Solver.ANCESTRAL));
    assertRefused("labels run from 0 to 2, got 3", student.request(3));
  }

  private void assertRefused(String message, SampleRequest request) {
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> student.sample(request));
    assertEquals(message, refused.getMessage());
  }

  @Test
  void aDestinationThatIsTooSmallIsRefused() {
    SampleRequest request = student.request(0, 1);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment small = arena.allocate(4L * student.imageValues() * 2 - 4, 4);
      assertThrows(IllegalArgumentException.class, () -> student.sample(request, small));
    }
  }

  @Test
  void labelsByName() {
    assertArrayEquals(new int[] {2, 0, 1}, teacher.labels("snow BOOT", "Coat", "1"));
    assertArrayEquals(new int[] {1}, teacher.labels("sneak"));
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> teacher.labels("sn"))
            .getMessage()
            .contains("Coat, Sneaker, Snow boot"));
    assertThrows(IllegalArgumentException.class, () -> teacher.labels("3"));
    assertThrows(IllegalArgumentException.class, () -> teacher.labels(""));
  }

  @Test
  void aWarmSampleAllocatesNothing() {
    try (Arena arena = Arena.ofConfined()) {
      int count = 3;
      MemorySegment memory = arena.allocate(4L * count * teacher.imageValues(), 64);
      SampleRequest guided = teacher.request(labels(count)).withSteps(2);
      for (SampleRequest request :
          List.of(
              guided,
              guided.withGuidance(0),
              guided.withClip(true),
              guided.withSampler(Solver.ANCESTRAL),
              guided.withSampler(Solver.STOCHASTIC))) {
        assertEquals(
            0, HeapAllocation.bytes(() -> teacher.sample(request, memory)), request.toString());
      }
      SampleRequest few = student.request(labels(count));
      assertEquals(0, HeapAllocation.bytes(() -> student.sample(few, memory)));
    }
  }

  @Test
  void threadsShareAModel() throws Exception {
    SampleRequest first = teacher.request(0, 1, 2).withSteps(STEPS);
    SampleRequest second = first.withSeed(9).withGuidance(0);
    float[] firstImages = sample(teacher, first);
    float[] secondImages = sample(teacher, second);
    List<CompletableFuture<float[]>> results = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      SampleRequest request = i % 2 == 0 ? first : second;
      results.add(CompletableFuture.supplyAsync(() -> sample(teacher, request)));
    }
    for (int i = 0; i < results.size(); i++) {
      assertArrayEquals(i % 2 == 0 ? firstImages : secondImages, results.get(i).get());
    }
  }

  @Test
  void closingWaitsForTheRequestThatRuns() throws Exception {
    DiffusionModel model = DiffusionModel.open(folder.resolve("teacher.safetensors"));
    SampleRequest request = model.request(labels(16)).withSteps(STEPS);
    float[] expected = sample(teacher, request);
    CountDownLatch started = new CountDownLatch(1);
    CompletableFuture<float[]> running =
        CompletableFuture.supplyAsync(
            () -> {
              float[] last = sample(model, request);
              started.countDown();
              try {
                while (true) {
                  last = sample(model, request);
                }
              } catch (IllegalStateException closed) {
                return last;
              }
            });
    started.await();
    model.close();
    assertArrayEquals(expected, running.get());
    assertThrows(IllegalStateException.class, () -> model.sample(request));
  }

  @Test
  void theNumberOfThreadsIsTheCallersChoice() throws IOException {
    SampleRequest request = teacher.request(0, 1, 2).withSteps(STEPS);
    float[] expected = sample(teacher, request);
    try (DiffusionModel one =
        DiffusionModel.open(
            folder.resolve("teacher.safetensors"), ModelOptions.standard().withThreads(1))) {
      assertTrue(
          one.network().device().name().contains("1 thread)"), one.network().device().name());
      float[] alone = sample(one, request);
      for (int i = 0; i < expected.length; i++) {
        assertEquals(expected[i], alone[i], 1e-3f);
      }
    }
  }

  @Test
  void anUnknownBundledModelIsRefused() {
    String message =
        assertThrows(IllegalArgumentException.class, () -> DiffusionModel.bundled("zebra"))
            .getMessage();
    assertTrue(message.startsWith("there is no bundled model \"zebra\""), message);
  }
}
