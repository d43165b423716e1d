package org.halfstep.diffusion;

/**
 * What a network predicts from z_t. At a fixed z_t the three are affine in each other: {@code z =
 * alpha x + sigma eps} and {@code v = alpha eps - sigma x}, so {@code x = alpha z - sigma v} and
 * {@code eps = sigma z + alpha v} (Salimans and Ho 2022, section 4).
 *
 * <p>Conversions from {@link #EPS} divide by alpha, those from {@link #X} by sigma: the
 * coefficients are infinite where that is zero. {@link #V} and {@link #EDM} convert everywhere.
 */
public enum Parameterization {
  /** The clean image. */
  X,
  /** The noise. */
  EPS,
  /** The velocity {@code alpha eps - sigma x}. */
  V,
  /**
   * What EDM's preconditioned networks compute inside (Karras et al., 2022, equation 7), of data
   * divided by its standard deviation: the velocity with the other sign.
   */
  EDM;

  /** Coefficient of z_t when a prediction of this kind becomes one of kind {@code target}. */
  public double onZ(Parameterization target, double alpha, double sigma) {
    return switch (this) {
      case X ->
          switch (target) {
            case X -> 0;
            case EPS -> 1 / sigma;
            case V -> alpha / sigma;
            case EDM -> -alpha / sigma;
          };
      case EPS ->
          switch (target) {
            case X -> 1 / alpha;
            case EPS -> 0;
            case V -> -sigma / alpha;
            case EDM -> sigma / alpha;
          };
      case V, EDM ->
          switch (target) {
            case X -> alpha;
            case EPS -> sigma;
            case V, EDM -> 0;
          };
    };
  }

  /** Coefficient of the prediction when it becomes one of kind {@code target}. */
  public double onOutput(Parameterization target, double alpha, double sigma) {
    return switch (this) {
      case X ->
          switch (target) {
            case X -> 1;
            case EPS -> -alpha / sigma;
            case V -> -1 / sigma;
            case EDM -> 1 / sigma;
          };
      case EPS ->
          switch (target) {
            case X -> -sigma / alpha;
            case EPS -> 1;
            case V -> 1 / alpha;
            case EDM -> -1 / alpha;
          };
      case V ->
          switch (target) {
            case X -> -sigma;
            case EPS -> alpha;
            case V -> 1;
            case EDM -> -1;
          };
      case EDM -> -V.onOutput(target, alpha, sigma);
    };
  }

  /** Both coefficients of the conversion to {@code target} at the noise level (alpha, sigma). */
  public LinearMap to(Parameterization target, double alpha, double sigma) {
    return new LinearMap(onZ(target, alpha, sigma), onOutput(target, alpha, sigma));
  }
}
