package org.halfstep.diffusion;

import org.halfstep.random.Philox;

/**
 * The random choices made for each training example: its time, grid index, guidance strength,
 * whether its label is dropped and whether it is mirrored. Every choice is a function of (seed,
 * example number), so examples of one batch differ, a batch may be split at will, and a resumed run
 * continues with the same numbers.
 *
 * <p>The example number counts the examples a stage has seen, from 0 ({@code update * batch +
 * row}). Give each stage its own seed ({@link Philox#childSeed}). Noise and dropout come from the
 * native kernels with the same seed and number and the draws {@link #NOISE} and {@link #DROPOUT}.
 */
public final class ExampleDraws {
  /** How often an image is mirrored where images are: either way round is as likely. */
  public static final double MIRROR_PROBABILITY = 0.5;

  /** Draw number of the noise eps of an example. */
  public static final int NOISE = 0;

  /** Draw number of the dropout masks. */
  public static final int DROPOUT = 1;

  private static final int SCALARS = 2;
  private static final int TIME_PAIR = 0;
  private static final int GUIDANCE_PAIR = 1;
  private static final int LABEL_PAIR = 2;
  private static final int MIRROR_PAIR = 3;
  private static final int SHIFT_PAIR = 4;

  private final long seed;
  private final NoiseSchedule schedule;

  /**
   * Draws of one stage.
   *
   * @param schedule whose times are drawn
   */
  public ExampleDraws(long seed, NoiseSchedule schedule) {
    this.seed = seed;
    this.schedule = schedule;
  }

  /** Draws of one stage of a network without noise. */
  public ExampleDraws(long seed) {
    this(seed, new NoiseSchedule.Cosine());
  }

  /** The seed, also for the kernels that draw noise and dropout. */
  public long seed() {
    return seed;
  }

  /** A time: uniform in (0, 1), or any level of a discrete schedule. */
  public double time(long example) {
    return schedule.trainingTime(Philox.uniformFromPair(seed, example, SCALARS, TIME_PAIR));
  }

  /**
   * A grid index, uniform in {@code first .. first + steps - 1}; uses the same numbers as {@link
   * #time}.
   */
  public int gridIndex(long example, int first, int steps) {
    return first + Philox.bounded(seed, example, SCALARS, TIME_PAIR, steps);
  }

  /** A guidance strength, uniform in the range. */
  public double guidance(long example, GuidanceRange range) {
    return range.at(Philox.uniformFromPair(seed, example, SCALARS, GUIDANCE_PAIR));
  }

  /** Whether the label is replaced by the null label, with the given probability. */
  public boolean dropsLabel(long example, double probability) {
    return Philox.uniformFromPair(seed, example, SCALARS, LABEL_PAIR) < probability;
  }

  /** Whether the image is mirrored left to right, with the given probability. */
  public boolean mirrors(long example, double probability) {
    return Philox.uniformFromPair(seed, example, SCALARS, MIRROR_PAIR) < probability;
  }

  /**
   * How far an image is moved along an axis, uniform in {@code -farthest .. farthest}.
   *
   * @param axis 0 for rows, 1 for columns
   */
  public int shift(long example, int axis, int farthest) {
    return Philox.bounded(seed, example, SCALARS, SHIFT_PAIR + axis, 2 * farthest + 1) - farthest;
  }
}
