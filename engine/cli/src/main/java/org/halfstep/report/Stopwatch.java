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
    final ReportPlan.Timed timed;
    final ReportedModel model;
    final SampleRequest request;
    final List<Long> nanoseconds = new ArrayList<>();
    final List<Double> rounds = new ArrayList<>();

    Entry(ReportPlan.Timed timed, int batch) {
      this.timed = timed;
      this.model = timed.model();
      double usual = model.takes(GUIDANCE) ? GUIDANCE : model.model().defaultGuidance();
      double guidance = timed.unguided() ? 0 : usual;
      this.request = model.request(timed.sampler(), timed.steps(), guidance, SEED, 0, batch);
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
          Origin.now(),
          timed.sampler(),
          timed.unguided());
    }

    /** The system says a negative number where it does not know. */
    private static Double known(double load) {
      return load >= 0 ? load : null;
    }
  }

  private Stopwatch() {}

  /**
   * Times models.
   *
   * @return nothing when it was asked to stop
   */
  static List<Timing> time(
      List<ReportPlan.Timed> timed,
      int rounds,
      Origin origin,
      Consumer<String> out,
      BooleanSupplier stop) {
    List<Entry> entries = new ArrayList<>();
    for (ReportPlan.Timed one : timed) {
      for (int batch : BATCHES) {
        entries.add(new Entry(one, batch));
      }
    }
    int values = timed.stream().mapToInt(one -> one.model().model().imageValues()).max().orElse(1);
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

  /** Whether timings cover all of these on this device. */
  static boolean cover(List<Timing> timings, List<ReportPlan.Timed> timed, Origin origin) {
    return timed.stream()
        .allMatch(
            one ->
                BATCHES.stream()
                    .allMatch(
                        batch ->
                            timings.stream().anyMatch(known -> covers(known, one, batch, origin))));
  }

  private static boolean covers(Timing known, ReportPlan.Timed one, int batch, Origin origin) {
    return known.weights().equals(one.model().weights())
        && known.steps() == one.steps()
        && known.sampler() == one.sampler()
        && known.unguided() == one.unguided()
        && known.batch() == batch
        && known.device().equals(origin.device());
  }
}
