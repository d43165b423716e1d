package org.halfstep.sample;

import org.halfstep.device.Coefficients;
import org.halfstep.device.Device;
import org.halfstep.diffusion.Guidance;
import org.halfstep.diffusion.History;
import org.halfstep.diffusion.LinearMap;

/**
 * The factors of every sum that a sampler forms, one of each per image, in device memory: step by
 * step those of the network's outputs, of what steps keep, of fresh noise and of known pictures,
 * and behind the steps those of the start. A term is the number of a factor among them.
 */
final class SamplingCoefficients implements AutoCloseable {
  /** Terms of one sum. */
  static final int MOST_TERMS = 4;

  /** Of z, of what a step keeps, of what steps before kept, and of the sum so far. */
  private static final int NEXT_TERMS = 3 + History.MOST;

  private static final int PAIR = 2;

  private final PreparedSchedule schedule;
  private final boolean twoBranches;
  private final boolean throughKept;
  private final int batch;
  private final Coefficients values;

  /**
   * @param twoBranches whether the network answers with and without the condition
   * @param throughKept whether steps go through what they keep of the prediction
   */
  SamplingCoefficients(
      Device device,
      PreparedSchedule schedule,
      boolean twoBranches,
      boolean throughKept,
      int batch) {
    this.schedule = schedule;
    this.twoBranches = twoBranches;
    this.throughKept = throughKept;
    this.batch = batch;
    this.values =
        new Coefficients(
            device, "sampling steps", schedule.evaluations() * stepTerms() + PAIR, batch);
  }

  // ---- Where they lie

  /** Terms of z and the outputs of the network's branches. */
  private int outputTerms() {
    return twoBranches ? 3 : 2;
  }

  private int stepTerms() {
    return outputTerms() + NEXT_TERMS + PAIR + PAIR;
  }

  /** Of z and the outputs. */
  int firstTerm(int step) {
    return step * stepTerms();
  }

  /** Of z, of what the step keeps, and of what steps before it kept. */
  int nextTerm(int step) {
    return firstTerm(step) + outputTerms();
  }

  /** Of z and fresh noise. */
  int noiseTerm(int step) {
    return nextTerm(step) + NEXT_TERMS;
  }

  /** Of a known picture and its noise. */
  int knownTerm(int step) {
    return noiseTerm(step) + PAIR;
  }

  /** Of where the path starts. */
  int startTerm() {
    return firstTerm(schedule.evaluations());
  }

  /** Where a term's factors lie. */
  long address(int term) {
    return values.address() + (long) Float.BYTES * term * batch;
  }

  // ---- What they are

  /**
   * Writes all of them.
   *
   * @param onStart of the noise, or the picture, that the path starts with
   * @param onStartNoise of the noise of a picture
   */
  void write(double guidance, double onStart, double onStartNoise) {
    for (int step = 0; step < schedule.evaluations(); step++) {
      write(step, guidance);
    }
    values.setAll(startTerm(), onStart);
    values.setAll(startTerm() + 1, onStartNoise);
    values.push();
  }

  private void write(int step, double guidance) {
    if (throughKept) {
      writeOutputs(firstTerm(step), schedule.toKept(step), guidance);
      LinearMap map = schedule.fromKept(step);
      History history = schedule.step(step).history();
      values.setAll(nextTerm(step), map.onZ());
      values.setAll(nextTerm(step) + 1, map.onOutput());
      for (int i = 0; i < history.onPrevious().size(); i++) {
        // The one beyond the first sum is added to it.
        int at = i + 2 < MOST_TERMS ? i + 2 : i + 3;
        values.setAll(nextTerm(step) + at, history.onPrevious().get(i));
      }
      values.setAll(nextTerm(step) + MOST_TERMS, 1);
    } else {
      writeOutputs(firstTerm(step), schedule.toNext(step), guidance);
    }
    values.setAll(noiseTerm(step), 1);
    values.setAll(noiseTerm(step) + 1, schedule.step(step).noise());
    values.setAll(knownTerm(step), schedule.nextAlpha(step));
    values.setAll(knownTerm(step) + 1, schedule.nextSigma(step));
  }

  private void writeOutputs(int term, LinearMap map, double guidance) {
    values.setAll(term, map.onZ());
    if (twoBranches) {
      values.setAll(term + 1, map.onOutput() * Guidance.onConditional(guidance));
      values.setAll(term + 2, map.onOutput() * Guidance.onUnconditional(guidance));
    } else {
      values.setAll(term + 1, map.onOutput());
    }
  }

  @Override
  public void close() {
    values.close();
  }
}
