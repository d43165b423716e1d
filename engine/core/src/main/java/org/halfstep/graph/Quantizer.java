package org.halfstep.graph;

/**
 * How the input of an int8 convolution is stored: a byte q stands for {@code (q - zeroPoint) *
 * scale}.
 *
 * @param scale one float, above 0
 * @param zeroPoint one float, an integer in 0..255
 */
public record Quantizer(Parameter scale, Parameter zeroPoint) {
  public Quantizer {
    if (scale.size() != 1 || zeroPoint.size() != 1) {
      throw new IllegalArgumentException(
          "a quantizer takes one scale and one zero point, got " + scale + " and " + zeroPoint);
    }
  }

  /** Fails, in one line, when a plan would train through bytes. */
  static void requireInference(PlanBuilder plan) {
    if (plan.training()) {
      throw new IllegalArgumentException(
          "an int8 network cannot be trained: use the float32 model that it was made from");
    }
  }
}
