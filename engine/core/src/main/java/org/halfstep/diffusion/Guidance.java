package org.halfstep.diffusion;

import java.util.Locale;

/**
 * Classifier-free guidance in the convention of Ho and Salimans and of Meng et al.: {@code guided =
 * (1 + w) conditional - w unconditional}, so w = 0 is the plain conditional model. The other
 * convention, {@code unconditional + g (conditional - unconditional)}, is the same with {@code g =
 * 1 + w}.
 *
 * <p>The two coefficients sum to one, so the combination of v, of eps and of x predictions are the
 * same thing, provided that nothing is clipped in between.
 */
public final class Guidance {
  private Guidance() {}

  /** Coefficient of the conditional prediction. */
  public static double onConditional(double w) {
    return 1 + w;
  }

  /** Coefficient of the unconditional prediction. */
  public static double onUnconditional(double w) {
    return -w;
  }

  /** The guidance scale g of the other convention. */
  public static double scale(double w) {
    return 1 + w;
  }

  /** The guidance strength w for a guidance scale g. */
  public static double fromScale(double g) {
    return g - 1;
  }

  /**
   * Network evaluations of one step of a teacher that was not distilled: 2, or 1 at w = 0, where
   * the unconditional branch has no weight.
   */
  public static int branches(double w) {
    return w == 0 ? 1 : 2;
  }

  /** Text that names both conventions, such as {@code w = 1.0 (guidance scale 2.0)}. */
  public static String describe(double w) {
    return String.format(Locale.ROOT, "w = %s (guidance scale %s)", decimal(w), decimal(scale(w)));
  }

  // At most four decimals, at least one: 0.3 + 1 must not print as 1.2999999999999998.
  private static String decimal(double value) {
    return Double.toString(Math.rint(value * 1e4) / 1e4);
  }
}
