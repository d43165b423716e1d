package org.halfstep.graph;

import java.util.List;
import org.halfstep.device.Activation;

/**
 * A group normalisation, {@code f((1 + scale) norm(x) + shift)}: as an op of its own, or in front
 * of a convolution.
 *
 * @param name what a profile calls it
 * @param x what is normalised; may be a concatenation
 * @param weight per channel
 * @param bias per channel
 * @param groups groups over all channels
 * @param eps added to the variance
 * @param modulation scale, then shift, per channel; null for none
 * @param activation f: NONE or SILU
 */
public record GroupNorm(
    String name,
    Value x,
    Parameter weight,
    Parameter bias,
    int groups,
    float eps,
    Slice modulation,
    Activation activation) {
  /** What the UNets of pixels add to a variance; autoencoders and transformers add 1e-6. */
  public static final float EPS = 1e-5f;

  public GroupNorm {
    if (!(eps > 0) || eps > 1) {
      throw new IllegalArgumentException(name + ": eps must lie in (0, 1], got " + eps);
    }
    if (modulation != null && modulation.channels() != 2 * x.shape().channels()) {
      throw new IllegalArgumentException(
          "modulation needs a scale and a shift for each of "
              + x.shape().channels()
              + " channels, got "
              + modulation.channels());
    }
  }

  /** With the eps of the UNets of pixels. */
  public GroupNorm(
      String name,
      Value x,
      Parameter weight,
      Parameter bias,
      int groups,
      Slice modulation,
      Activation activation) {
    this(name, x, weight, bias, groups, EPS, modulation, activation);
  }

  /** The values that it reads. */
  List<Value> inputs() {
    return modulation == null ? List.of(x) : List.of(x, modulation.vector());
  }
}
