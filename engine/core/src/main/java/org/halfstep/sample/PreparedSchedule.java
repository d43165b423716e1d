package org.halfstep.sample;

import java.util.Arrays;
import org.halfstep.diffusion.LinearMap;
import org.halfstep.diffusion.SamplingSchedule;
import org.halfstep.diffusion.SamplingStep;

/** A sampler's steps with everything that a loop over them asks for already worked out. */
final class PreparedSchedule {
  private final SamplerKind kind;
  private final int steps;
  private final SamplingStep[] stages;
  private final LinearMap[] toImage;
  private final LinearMap[] fromImage;

  private PreparedSchedule(SamplerKind kind, int steps, SamplingStep[] stages) {
    this.kind = kind;
    this.steps = steps;
    this.stages = stages;
    this.toImage = Arrays.stream(stages).map(SamplingStep::toX).toArray(LinearMap[]::new);
    this.fromImage = Arrays.stream(stages).map(SamplingStep::toNextFromX).toArray(LinearMap[]::new);
  }

  static PreparedSchedule of(SamplerKind kind, int steps, SamplingSchedule schedule) {
    return new PreparedSchedule(kind, steps, schedule.steps().toArray(SamplingStep[]::new));
  }

  SamplerKind kind() {
    return kind;
  }

  /** The number of steps asked for. */
  int steps() {
    return steps;
  }

  int evaluations() {
    return stages.length;
  }

  SamplingStep step(int index) {
    return stages[index];
  }

  /** Coefficients on (z, v) that give the predicted image. */
  LinearMap toImage(int index) {
    return toImage[index];
  }

  /** Coefficients on (z, predicted image) that give the next z. */
  LinearMap fromImage(int index) {
    return fromImage[index];
  }
}
