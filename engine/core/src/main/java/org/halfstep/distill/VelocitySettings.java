package org.halfstep.distill;

import com.fasterxml.jackson.annotation.JsonInclude;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.diffusion.WeightRamp;
import org.halfstep.train.RunSettings;

/**
 * How a teacher of eps is taught to predict v before it is distilled.
 *
 * @param run its {@code weighting} is what the ramp ends at
 * @param rampUpdates updates over which the error's weight goes from that of eps to the run's own,
 *     at least 0
 * @param dropout probability that an example's text or class is left out, at least 0 and below 1
 * @param stopWithin how far errors of eps on held-out examples may be above the teacher's, as a
 *     part of those, such as 0.01: where none is farther, in any of ten bins of time, with text and
 *     without, at a checkpoint after the ramp, the phase ends; above 0; null for all updates
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record VelocitySettings(
    RunSettings run, long rampUpdates, double dropout, Double stopWithin) {
  public VelocitySettings {
    if (run == null) {
      throw new IllegalArgumentException("run must be given");
    }
    if (rampUpdates < 0) {
      throw new IllegalArgumentException("a ramp cannot have " + rampUpdates + " updates");
    }
    if (!(dropout >= 0 && dropout < 1)) {
      throw new IllegalArgumentException(
          "the dropout of conditions must lie in [0, 1), got " + dropout);
    }
    if (stopWithin != null && !(stopWithin > 0)) {
      throw new IllegalArgumentException(
          "what errors may be above the teacher's must be above 0, got " + stopWithin);
    }
  }

  /** The weight of the error over the updates. */
  public WeightRamp ramp() {
    return new WeightRamp(LossWeighting.SNR, run.weighting(), rampUpdates);
  }
}
