package org.halfstep.diffusion;

import java.util.ArrayList;
import java.util.List;

/** Follows the steps of a sampler for one number, without noise. */
final class PlainPath {
  private PlainPath() {}

  /** A network for one number, which predicts the noise. */
  interface Noise {
    double of(double z, SamplingStep step);
  }

  /** Where a path ends. */
  static double end(SamplingSchedule path, double start, Noise network) {
    double z = start;
    List<Double> kept = new ArrayList<>();
    for (SamplingStep step : path.steps()) {
      double alpha = step.alpha();
      double sigma = step.sigma();
      double v =
          apply(Parameterization.EPS.to(Parameterization.V, alpha, sigma), z, network.of(z, step));
      double next = apply(step.toNext(), z, v);
      List<Double> onPrevious = step.history().onPrevious();
      for (int i = 0; i < onPrevious.size(); i++) {
        next += onPrevious.get(i) * kept.get(i);
      }
      if (step.history().keeps()) {
        kept.addFirst(apply(Parameterization.V.to(step.history().of(), alpha, sigma), z, v));
      }
      z = next;
    }
    return z;
  }

  private static double apply(LinearMap map, double z, double output) {
    return map.onZ() * z + map.onOutput() * output;
  }
}
