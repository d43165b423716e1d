package org.halfstep.attack;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.halfstep.device.Slab;
import org.halfstep.image.ImageBatch;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.SampleRequest;

/**
 * Many threads with one model: each image is the one that a single thread makes, and the process
 * does not grow.
 */
final class Crowd {
  private static final int THREADS = 64;
  private static final int KNOWN = 512;
  private static final int MOST_TOGETHER = 24;

  /** What allocators and the collector may take meanwhile. */
  private static final long MOST_GROWTH = 64L << 20;

  private final Path model;

  Crowd(Path model) {
    this.model = model;
  }

  /** Makes so many images and compares each. */
  void attack(int images, Tally tally) throws IOException, InterruptedException {
    AtomicLong made = new AtomicLong();
    AtomicInteger wrong = new AtomicInteger();
    long before;
    long after;
    try (DiffusionModel open = DiffusionModel.open(model, ModelOptions.standard().withThreads(2))) {
      byte[][] known = known(open);
      try (ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
        // A tenth to fill caches and heaps, which the rest must not add to.
        run(threads, open, known, images / 10, made, wrong);
        System.gc();
        before = residentBytes();
        run(threads, open, known, images, made, wrong);
        System.gc();
        after = residentBytes();
      }
    }
    for (long i = 0; i < made.get(); i++) {
      tally.add("image", Optional.empty());
    }
    if (wrong.get() > 0) {
      tally.add("images", Optional.of(wrong + " of " + made + " differ"));
    }
    if (after - before > MOST_GROWTH) {
      tally.add("memory", Optional.of("grew by " + (after - before >> 20) + " MiB"));
    }
    if (!Slab.live().isEmpty()) {
      tally.add("memory", Optional.of("left open: " + Slab.live()));
    }
    tally.note(
        THREADS
            + " threads; resident memory "
            + (before >> 20)
            + " MiB before, "
            + (after >> 20)
            + " MiB after");
  }

  private static byte[][] known(DiffusionModel open) {
    ImageBatch whole = open.sample(request(open, 0, KNOWN));
    int bytes = whole.pixels().length / KNOWN;
    return IntStream.range(0, KNOWN)
        .mapToObj(i -> Arrays.copyOfRange(whole.pixels(), i * bytes, (i + 1) * bytes))
        .toArray(byte[][]::new);
  }

  private static SampleRequest request(DiffusionModel open, int first, int count) {
    int[] labels = IntStream.range(first, first + count).map(i -> i % open.classes()).toArray();
    return open.request(labels).withSeed(5).withFirstImage(first);
  }

  private static void run(
      ExecutorService threads,
      DiffusionModel open,
      byte[][] known,
      int images,
      AtomicLong made,
      AtomicInteger wrong)
      throws InterruptedException {
    AtomicLong left = new AtomicLong(images);
    List<Future<?>> all =
        IntStream.range(0, THREADS)
            .<Future<?>>mapToObj(
                _ ->
                    threads.submit(
                        () -> {
                          while (left.get() > 0) {
                            ThreadLocalRandom random = ThreadLocalRandom.current();
                            int count = random.nextInt(1, MOST_TOGETHER + 1);
                            int first = random.nextInt(KNOWN - count);
                            byte[] pixels = open.sample(request(open, first, count)).pixels();
                            int bytes = pixels.length / count;
                            for (int i = 0; i < count; i++) {
                              byte[] expected = known[first + i];
                              if (!Arrays.equals(
                                  pixels, i * bytes, (i + 1) * bytes, expected, 0, bytes)) {
                                wrong.incrementAndGet();
                              }
                            }
                            made.addAndGet(count);
                            left.addAndGet(-count);
                          }
                        }))
            .toList();
    for (Future<?> one : all) {
      try {
        one.get();
      } catch (ExecutionException failed) {
        throw new IllegalStateException(failed.getCause());
      }
    }
  }

  private static long residentBytes() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith("VmRSS:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
        .findFirst()
        .orElse(0);
  }
}
