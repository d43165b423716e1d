package org.halfstep.report;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.halfstep.sample.SampleRequest;

/**
 * Times models in turns, several rounds of each, so that a disturbance of the machine hits all of
 * them. Plans exist and memory was touched before the first time counts.
 */
final class Stopwatch {
  /** Images of a request; the last one is what speedups are worked out from. */
  static final List<Integer> BATCHES = List.of(1, 16);

  /** A guided teacher costs two evaluations per step whatever the strength. */
  private static final double GUIDANCE = 1;

  private static final double SECONDS_PER_TURN = 1;
  private static final long SEED = 0;

  /** One model at one number of steps and one batch. */
  private static final class Entry {
    final ReportedModel model;
    final SampleRequest request;
    final List<Long> nanoseconds = new ArrayList<>();
    final List<Double> rounds = new ArrayList<>();

    Entry(ReportedModel model, int steps, int batch) {
      this.model = model;
      double guidance = model.takes(GUIDANCE) ? GUIDANCE : model.model().defaultGuidance();
      this.request = model.request(steps, guidance, SEED, 0, batch);
    }

    void turn(MemorySegment images) {
      int earlier = nanoseconds.size();
      long start = System.nanoTime();
      long before = start;
      long after;
      do {
        model.model().sample(request, images);
        after = System.nanoTime();
        nanoseconds.add(after - before);
        before = after;
      } while ((after - start) / 1e9 < SECONDS_PER_TURN);
      rounds.add(perImage(summary(earlier).median()));
    }

    private TimeSummary summary(int from) {
      return TimeSummary.of(nanoseconds.stream().skip(from).mapToLong(Long::longValue).toArray());
    }

    private double perImage(double spent) {
      return spent / 1e6 / request.count();
    }

    Timing timing(Origin origin, double loadBefore, double loadAfter) {
      TimeSummary all = summary(0);
      return new Timing(
          model.name(),
          model.weights(),
          model.isInt8(),
          request.steps(),
          model.model().evaluations(request),
          request.count(),
          perImage(all.median()),
          perImage(all.least()),
          perImage(all.p90()),
          perImage(all.p99()),
          all.runs(),
          rounds,
          known(loadBefore),
          known(loadAfter),
          origin.device(),
          origin.machine(),
          origin.command(),
          Origin.now());
    }

    /** The system says a negative number where it does not know. */
    private static Double known(double load) {
      return load >= 0 ? load : null;
    }
  }

  private Stopwatch() {}

  /**
   * Times every model at its own steps, and teachers at each of the given ones.
   *
   * @return nothing when it was asked to stop
   */
  static List<Timing> time(
      List<ReportedModel> models,
      List<Integer> teacherSteps,
      int rounds,
      Origin origin,
      Consumer<String> out,
      BooleanSupplier stop) {
    List<Entry> entries = new ArrayList<>();
    for (ReportedModel model : models) {
      List<Integer> steps =
          model.hasOwnSteps() ? List.of(model.model().card().steps()) : teacherSteps;
      for (int number : steps) {
        for (int batch : BATCHES) {
          entries.add(new Entry(model, number, batch));
        }
      }
    }
    int values = models.stream().mapToInt(model -> model.model().imageValues()).max().orElse(1);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment images =
          arena.allocate((long) Float.BYTES * values * BATCHES.getLast(), Float.BYTES);
      for (Entry entry : entries) {
        entry.model.model().warmUp(entry.request);
      }
      double loadBefore = load();
      for (int round = 1; round <= rounds; round++) {
        out.accept("time per image: round " + round + " of " + rounds);
        for (Entry entry : entries) {
          if (stop.getAsBoolean()) {
            return List.of();
          }
          entry.turn(images);
        }
      }
      double loadAfter = load();
      return entries.stream().map(entry -> entry.timing(origin, loadBefore, loadAfter)).toList();
    }
  }

  private static double load() {
    return ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
  }

  /** Whether timings cover these models and steps, on this device. */
  static boolean cover(
      List<Timing> timings, List<ReportedModel> models, List<Integer> teacherSteps, Origin origin) {
    return models.stream()
        .allMatch(
            model -> {
              List<Integer> steps =
                  model.hasOwnSteps() ? List.of(model.model().card().steps()) : teacherSteps;
              return steps.stream()
                  .allMatch(
                      number ->
                          BATCHES.stream()
                              .allMatch(
                                  batch ->
                                      timings.stream()
                                          .anyMatch(
                                              known ->
                                                  known.weights().equals(model.weights())
                                                      && known.steps() == number
                                                      && known.batch() == batch
                                                      && known.device().equals(origin.device()))));
            });
  }
}
