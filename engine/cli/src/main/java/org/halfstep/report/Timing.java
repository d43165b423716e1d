package org.halfstep.report;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.util.List;
import java.util.Optional;
import org.halfstep.diffusion.Solver;

/**
 * What an image of a model costs, from request to pixels.
 *
 * @param model its name in tables
 * @param weights SHA-256 of the model's parameters
 * @param int8 whether its convolutions multiply bytes
 * @param steps sampler steps
 * @param evaluations network evaluations per image
 * @param batch images per request
 * @param milliseconds per image, median over the runs
 * @param least milliseconds per image of the fastest run
 * @param p90 milliseconds per image that 90 % of the runs do not exceed; null where it was not
 *     taken, in results of earlier builds
 * @param p99 what 99 % do not exceed; null likewise
 * @param runs number of runs, in turns with the other models
 * @param rounds milliseconds per image, median over the runs of each turn; empty where these were
 *     not kept
 * @param loadBefore processes that wanted to compute, on average over the minute before the first
 *     turn; null where it is not known
 * @param loadAfter the same after the last
 * @param device what made the images
 * @param machine the hardware
 * @param command that was typed
 * @param date when, ISO 8601, UTC
 * @param sampler another solver than the model's own; null for its own
 * @param unguided whether it is of images at w = 0, where that costs less
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record Timing(
    String model,
    String weights,
    boolean int8,
    int steps,
    long evaluations,
    int batch,
    double milliseconds,
    double least,
    Double p90,
    Double p99,
    int runs,
    List<Double> rounds,
    Double loadBefore,
    Double loadAfter,
    String device,
    String machine,
    String command,
    String date,
    Solver sampler,
    Boolean unguided) {
  public Timing {
    // Results of earlier builds do not say it: they are of guided images.
    unguided = unguided != null && unguided;
    Results.require("timing", model, weights, device, machine);
    rounds = rounds == null ? List.of() : List.copyOf(rounds);
  }

  /** Of guided images, by the model's own sampler. */
  public Timing(
      String model,
      String weights,
      boolean int8,
      int steps,
      long evaluations,
      int batch,
      double milliseconds,
      double least,
      Double p90,
      Double p99,
      int runs,
      List<Double> rounds,
      Double loadBefore,
      Double loadAfter,
      String device,
      String machine,
      String command,
      String date) {
    this(
        model,
        weights,
        int8,
        steps,
        evaluations,
        batch,
        milliseconds,
        least,
        p90,
        p99,
        runs,
        rounds,
        loadBefore,
        loadAfter,
        device,
        machine,
        command,
        date,
        null,
        false);
  }

  /**
   * How many times faster this is than another, round by round where both were taken in the same
   * turns.
   */
  Speedup over(Timing slow) {
    double fewer = (double) slow.evaluations / evaluations;
    return rounds.isEmpty() || rounds.size() != slow.rounds.size()
        ? Speedup.of(slow.milliseconds, milliseconds, fewer)
        : Speedup.of(array(slow.rounds), array(rounds), fewer);
  }

  /**
   * What the ratio of {@link #over} says. Convolutions of bytes may be quicker than their number of
   * evaluations lets expect, so nothing is too good for them.
   */
  Speedup.Verdict verdict(Timing slow) {
    Speedup.Verdict verdict = over(slow).verdict();
    return int8 && verdict == Speedup.Verdict.NOT_QUIET ? Speedup.Verdict.MET : verdict;
  }

  private static double[] array(List<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).toArray();
  }

  /** The timing of guided images of a series. */
  static Optional<Timing> find(List<Timing> timings, Series series, int batch) {
    return find(timings, series, false, batch);
  }

  /** The timing of a series at a guidance strength; of guided images where no other was taken. */
  static Optional<Timing> at(List<Timing> timings, Series series, double w, int batch) {
    return find(timings, series, w == 0, batch).or(() -> find(timings, series, false, batch));
  }

  /**
   * The timing of a series.
   *
   * @param unguided at w = 0, where that costs less
   */
  static Optional<Timing> find(List<Timing> timings, Series series, boolean unguided, int batch) {
    return timings.stream()
        .filter(
            one ->
                one.model.equals(series.model())
                    && one.steps == series.steps()
                    && one.sampler == series.sampler()
                    && one.unguided == unguided
                    && one.batch == batch)
        .findFirst();
  }
}
