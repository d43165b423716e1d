package org.halfstep.diffusion;

/**
 * Learning rate as a function of the update within the current stage, counted from 0. It is keyed
 * on the stage and not on the whole run, so that each halving starts at the full rate and ends at
 * zero.
 */
public sealed interface LearningRate permits LearningRate.Constant, LearningRate.LinearToZero {
  /**
   * The rate of one update.
   *
   * @param update update within the stage, counted from 0
   */
  double at(long update);

  /** Updates of the warm-up; 0 for none. */
  long warmUp();

  /**
   * The same with a warm-up, where there is none.
   *
   * @param updates of it, at least 0
   */
  default LearningRate risingOver(long updates) {
    if (warmUp() > 0) {
      return this;
    }
    return switch (this) {
      case Constant(double rate, long _) -> new Constant(rate, updates);
      case LinearToZero(double rate, long all, long _) -> new LinearToZero(rate, all, updates);
    };
  }

  /**
   * A constant rate after a linear warm-up: update k of the warm-up uses {@code rate (k + 1) /
   * warmUp}.
   *
   * @param rate the full rate, above 0
   * @param warmUp updates of the warm-up; 0 for none
   */
  record Constant(double rate, long warmUp) implements LearningRate {
    public Constant {
      requireRate(rate);
      requireWarmUp(warmUp);
    }

    @Override
    public double at(long update) {
      return update >= warmUp ? rate : rate * (update + 1) / warmUp;
    }
  }

  /**
   * {@code rate (1 - k / updates)}: the full rate at update 0, {@code rate / updates} at the last
   * one, zero from then on; over a warm-up, {@code (k + 1) / warmUp} of it.
   *
   * @param rate the rate that falls, above 0
   * @param updates updates of the stage, at least 1
   * @param warmUp updates of the warm-up; 0 for none
   */
  record LinearToZero(double rate, long updates, long warmUp) implements LearningRate {
    public LinearToZero {
      requireRate(rate);
      requireWarmUp(warmUp);
      if (updates < 1) {
        throw new IllegalArgumentException("a stage needs at least one update, got " + updates);
      }
    }

    /** Without a warm-up. */
    public LinearToZero(double rate, long updates) {
      this(rate, updates, 0);
    }

    @Override
    public double at(long update) {
      double falling = update >= updates ? 0 : rate * (updates - update) / updates;
      return update >= warmUp ? falling : falling * (update + 1) / warmUp;
    }
  }

  private static void requireWarmUp(long warmUp) {
    if (warmUp < 0) {
      throw new IllegalArgumentException(
          "a warm-up cannot have " + warmUp + " updates; 0 means none");
    }
  }

  private static void requireRate(double rate) {
    if (!(rate > 0) || Double.isInfinite(rate)) {
      throw new IllegalArgumentException("a learning rate must be finite and above 0, got " + rate);
    }
  }
}
