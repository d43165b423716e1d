package org.halfstep.random;

/**
 * Philox 4x32-10, the counter-based generator of Salmon et al., "Parallel Random Numbers: As Easy
 * as 1, 2, 3" (2011): the Java twin of {@code hs_philox_normal} in {@code
 * native/include/halfstep.h}.
 *
 * <p>There is no state. A number is a pure function of (seed, sample, draw, element), so sample k
 * of seed s is the same alone, in a batch, on another worker, or after a restart. Block {@code b}
 * of a sample has the counter {@code {b, draw, low32(sample), high32(sample)}} and the key {@code
 * {low32(seed), high32(seed)}}; element {@code e} is word {@code e % 4} of block {@code e / 4}. The
 * draw is an unsigned 32-bit number, elements run from 0 to 2^34 - 1; no argument is checked,
 * because every 64-bit pattern of seed and sample is valid.
 *
 * <p>Normals use StrictMath, so that they are the same bits on every machine; the native twin may
 * differ in the last bit of a double before rounding to float32.
 */
public final class Philox {
  /** The draw that {@link #childSeed} uses; leave it free of other numbers. */
  public static final int CHILD_SEED_DRAW = 0xFFFFFFFF;

  private static final long MULTIPLIER_0 = 0xD2511F53L;
  private static final long MULTIPLIER_1 = 0xCD9E8D57L;
  private static final int KEY_STEP_0 = 0x9E3779B9;
  private static final int KEY_STEP_1 = 0xBB67AE85;
  private static final int ROUNDS = 10;
  private static final long LOW_32 = 0xFFFFFFFFL;
  private static final double TWO_TO_MINUS_32 = 0x1p-32;
  private static final double TWO_TO_MINUS_52 = 0x1p-52;

  private Philox() {}

  /** Word {@code element} as an unsigned 32-bit number in an int. */
  public static int word(long seed, long sample, int draw, long element) {
    long pair = pair(seed, sample, draw, element >>> 1);
    return (element & 1) == 0 ? (int) pair : (int) (pair >>> 32);
  }

  /**
   * Words {@code 2 * pair} (low half) and {@code 2 * pair + 1} (high half): 64 random bits.
   *
   * @param pair 0 to 2^33 - 1
   */
  public static long pair(long seed, long sample, int draw, long pair) {
    int c0 = (int) (pair >>> 1);
    int c1 = draw;
    int c2 = (int) sample;
    int c3 = (int) (sample >>> 32);
    int k0 = (int) seed;
    int k1 = (int) (seed >>> 32);
    for (int round = 0; round < ROUNDS; round++) {
      long product0 = MULTIPLIER_0 * (c0 & LOW_32);
      long product1 = MULTIPLIER_1 * (c2 & LOW_32);
      c0 = (int) (product1 >>> 32) ^ c1 ^ k0;
      c1 = (int) product1;
      c2 = (int) (product0 >>> 32) ^ c3 ^ k1;
      c3 = (int) product0;
      k0 += KEY_STEP_0;
      k1 += KEY_STEP_1;
    }
    return (pair & 1) == 0 ? (c0 & LOW_32) | (long) c1 << 32 : (c2 & LOW_32) | (long) c3 << 32;
  }

  /**
   * A uniform number in (0, 1) with 32 random bits: {@code (word + 0.5) 2^-32}. Rounded to float it
   * is the native one.
   */
  public static double uniform(long seed, long sample, int draw, long element) {
    return unit(word(seed, sample, draw, element));
  }

  /**
   * A standard normal number: Box-Muller on the words {@code 2 * (element / 2)} and the next one,
   * in double.
   */
  public static double normal(long seed, long sample, int draw, long element) {
    long pair = pair(seed, sample, draw, element >>> 1);
    double radius = StrictMath.sqrt(-2 * StrictMath.log(unit((int) pair)));
    return radius * sine(unit((int) (pair >>> 32)), (int) (element & 1) ^ 1);
  }

  /**
   * The sine of a turn and so many quarters. Beyond an eighth of a turn StrictMath allocates, so
   * whole quarters are taken off first, which is exact.
   *
   * @param turn in (0, 1)
   */
  private static double sine(double turn, int quarters) {
    int nearest = (int) (4 * turn + 0.5);
    double angle = 2 * Math.PI * (turn - 0.25 * nearest);
    return switch (nearest + quarters & 3) {
      case 0 -> StrictMath.sin(angle);
      case 1 -> StrictMath.cos(angle);
      case 2 -> -StrictMath.sin(angle);
      default -> -StrictMath.cos(angle);
    };
  }

  /**
   * Fills {@code out} with elements 0, 1, ... of a sample, as the native kernel stores them in
   * float32.
   */
  public static void uniform(long seed, long sample, int draw, float[] out) {
    for (int e = 0; e < out.length; e++) {
      out[e] = (float) uniform(seed, sample, draw, e);
    }
  }

  /**
   * Fills {@code out} with elements 0, 1, ... of a sample, as the native kernel stores them in
   * float32.
   */
  public static void normal(long seed, long sample, int draw, float[] out) {
    for (int e = 0; e < out.length; e++) {
      out[e] = (float) normal(seed, sample, draw, e);
    }
  }

  /** A uniform number in (0, 1) with 52 random bits, from the words of {@code pair}. */
  public static double uniformFromPair(long seed, long sample, int draw, long pair) {
    // 52 bits and a half, so that the largest value stays below 1 and the smallest above 0.
    return ((pair(seed, sample, draw, pair) >>> 12) + 0.5) * TWO_TO_MINUS_52;
  }

  /**
   * A uniform integer in 0 .. bound - 1 from the words of {@code pair}; its bias is below bound /
   * 2^64.
   *
   * @param bound at least 1
   * @throws IllegalArgumentException if the bound is below 1
   */
  public static int bounded(long seed, long sample, int draw, long pair, int bound) {
    if (bound < 1) {
      throw new IllegalArgumentException(
          "a bound for random integers must be at least 1, got " + bound);
    }
    return (int) Math.unsignedMultiplyHigh(pair(seed, sample, draw, pair), bound);
  }

  /**
   * An independent seed for a named part of a run (a stage, an epoch): streams of one seed do not
   * overlap in practice.
   */
  public static long childSeed(long seed, long stream) {
    return pair(seed, stream, CHILD_SEED_DRAW, 0);
  }

  private static double unit(int word) {
    return ((word & LOW_32) + 0.5) * TWO_TO_MINUS_32;
  }
}
