package org.halfstep.attack;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.halfstep.device.Slab;
import org.halfstep.sample.Cancellation;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.SampleRequest;

/**
 * Many threads with one latent model: prompts, sizes and numbers of steps by chance, some cancelled
 * on the way. Each picture is the one that a single thread makes.
 */
final class LatentCrowd {
  private static final int THREADS = 64;
  private static final List<String> PROMPTS = List.of("a fox", "a cat", "the snow");
  private static final List<int[]> SIZES = List.of(new int[] {64, 64}, new int[] {64, 32});

  private final Path model;

  LatentCrowd(Path model) {
    this.model = model;
  }

  void attack(int pictures, Tally tally) throws IOException, InterruptedException {
    AtomicInteger wrong = new AtomicInteger();
    AtomicInteger cancelled = new AtomicInteger();
    AtomicLong left = new AtomicLong(pictures);
    try (DiffusionModel open = DiffusionModel.open(model, ModelOptions.standard().withThreads(2))) {
      List<SampleRequest> requests = new ArrayList<>();
      for (String prompt : PROMPTS) {
        for (int[] size : SIZES) {
          for (int steps = 1; steps <= 2; steps++) {
            requests.add(
                open.request(prompt).withSize(size[0], size[1]).withSteps(steps).withSeed(steps));
          }
        }
      }
      List<byte[]> known = requests.stream().map(each -> open.sample(each).pixels()).toList();
      List<Future<?>> all = new ArrayList<>();
      try (ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
        for (int i = 0; i < THREADS; i++) {
          all.add(
              threads.submit(
                  () -> {
                    while (left.decrementAndGet() >= 0) {
                      int which = ThreadLocalRandom.current().nextInt(requests.size());
                      Cancellation cancellation = new Cancellation();
                      boolean stops = ThreadLocalRandom.current().nextInt(8) == 0;
                      try {
                        byte[] made =
                            open.sample(
                                    requests.get(which),
                                    cancellation,
                                    (done, step, steps) -> {
                                      if (stops && step > 0) {
                                        cancellation.cancel();
                                      }
                                    })
                                .pixels();
                        if (!Arrays.equals(made, known.get(which))) {
                          wrong.incrementAndGet();
                        }
                      } catch (CancellationException _) {
                        cancelled.incrementAndGet();
                      }
                    }
                  }));
        }
      }
      for (Future<?> one : all) {
        try {
          one.get();
        } catch (ExecutionException failed) {
          tally.add("a thread", Optional.of(failed.getCause().toString()));
        }
      }
    }
    for (int i = 0; i < pictures; i++) {
      tally.add("picture", Optional.empty());
    }
    if (wrong.get() > 0) {
      tally.add("pictures", Optional.of(wrong + " of " + pictures + " differ"));
    }
    if (!Slab.live().isEmpty()) {
      tally.add("memory", Optional.of("left open: " + Slab.live()));
    }
    tally.note(THREADS + " threads; " + cancelled + " were cancelled on the way");
  }
}
