package org.halfstep.random;

/**
 * The numbers that NumPy's {@code RandomState} draws from a seed, as reference pictures of other
 * programs start from. Bit for bit, but for the last bit of a logarithm. Not for use by several
 * threads at once.
 */
public final class NumpyGenerator {
  private final MersenneTwister bits;
  private double kept;
  private boolean hasKept;

  /**
   * {@code numpy.random.RandomState(seed)}.
   *
   * @param seed 0 .. 2^32 - 1
   */
  public NumpyGenerator(long seed) {
    if (seed >>> Integer.SIZE != 0) {
      throw new IllegalArgumentException(
          "NumPy takes seeds from 0 to 4294967295, got " + Long.toUnsignedString(seed));
    }
    bits = new MersenneTwister(seed);
  }

  /**
   * {@code standard_normal(values.length)}: by the polar method, two at a time, the second first.
   */
  public void normal(double[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] = normal();
    }
  }

  private double normal() {
    if (hasKept) {
      hasKept = false;
      return kept;
    }
    double x1;
    double x2;
    double square;
    do {
      x1 = 2 * uniform() - 1;
      x2 = 2 * uniform() - 1;
      square = x1 * x1 + x2 * x2;
    } while (square >= 1 || square == 0);
    double factor = Math.sqrt(-2 * Math.log(square) / square);
    kept = factor * x1;
    hasKept = true;
    return factor * x2;
  }

  /** 53 random bits in 0 .. 1. */
  private double uniform() {
    long high = bits.next32() >>> 5;
    long low = bits.next32() >>> 6;
    return ((high << 26) + low) * 0x1p-53;
  }
}
