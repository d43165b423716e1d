package org.halfstep.diffusion;

/**
 * The guidance strengths w that a network with a guidance input was trained for, and how w enters
 * it.
 *
 * <p>The network embeds 1000 times its guidance input by sinusoids, as it does with time. Fed with
 * w itself, the fastest component would turn once for a change of 0.006 in w. Its input is
 * therefore {@code w / max}: the range [0, 4] becomes [0, 1], the same interval as time. A file
 * that states its range therefore also states its input scale.
 *
 * @param min smallest w, at least 0
 * @param max largest w, at least {@code min}; equal to it for a network of a single w
 */
public record GuidanceRange(double min, double max) {
  /** The range of the pixel-space experiments of Meng et al. */
  public static final GuidanceRange STANDARD = new GuidanceRange(0, 4);

  public GuidanceRange {
    if (!(min >= 0 && max >= min) || Double.isInfinite(max)) {
      throw new IllegalArgumentException(
          "a guidance range needs 0 <= min <= max, both finite, got " + min + " .. " + max);
    }
  }

  /** Whether a network of this range may be asked for w. */
  public boolean contains(double w) {
    return w >= min && w <= max;
  }

  /** The strength at a fraction of the range, 0 .. 1; uniform if the fraction is. */
  public double at(double fraction) {
    return min + fraction * (max - min);
  }

  /** What the network's guidance input takes for w: {@code w / max}, or 0 if max is 0. */
  public double networkInput(double w) {
    return max == 0 ? 0 : w / max;
  }
}
