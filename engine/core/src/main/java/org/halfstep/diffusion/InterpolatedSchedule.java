package org.halfstep.diffusion;

/**
 * A discrete schedule with noise between its levels, for samplers whose times are no whole numbers.
 * At a level it is that level; the network is told the fraction, though it was trained with whole
 * numbers. Between the clean image and level 0 the angle is linear.
 *
 * @param levels what is interpolated
 * @param kind what is linear between two levels
 */
public record InterpolatedSchedule(DiscreteSchedule levels, Kind kind) implements NoiseSchedule {
  /** What is linear between two levels. */
  public enum Kind {
    /** The ratio sigma / alpha, as Euler's samplers have it. */
    RATIO,
    /** The log-SNR. */
    LOG_SNR
  }

  /** Numbers of levels as near as this to a whole one are that: times are quotients. */
  private static final double ROUNDING = 1e-9;

  /** The number of the level at a time, with its fraction; -1 for the clean image. */
  private double number(double t) {
    double u = levels.steps() * t - 1;
    double whole = Math.rint(u);
    return Math.abs(u - whole) < ROUNDING ? whole : u;
  }

  private double levelAngle(int level) {
    return levels.angle(levels.time(level));
  }

  @Override
  public double angle(double t) {
    double u = number(t);
    int below = (int) Math.floor(u);
    double part = u - below;
    if (part == 0) {
      return levelAngle(below);
    }
    if (below < 0) {
      return part * levelAngle(0);
    }
    double low = Math.tan(levelAngle(below));
    double high = Math.tan(levelAngle(below + 1));
    return Math.atan(
        kind == Kind.RATIO
            ? low + part * (high - low)
            : Math.exp(Math.log(low) + part * (Math.log(high) - Math.log(low))));
  }

  @Override
  public double timeInput(double t) {
    return Math.max(number(t), 0);
  }

  @Override
  public double trainingTime(double uniform) {
    return levels.trainingTime(uniform);
  }

  /**
   * The time at which sigma / alpha has a value, for {@link Kind#LOG_SNR}.
   *
   * @param ratio from that of level 0 to that of the last level
   */
  double timeOf(double ratio) {
    double wanted = Math.log(ratio);
    int low = 0;
    int high = levels.steps() - 1;
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      if (Math.log(Math.tan(levelAngle(middle))) <= wanted) {
        low = middle;
      } else {
        high = middle;
      }
    }
    double from = Math.log(Math.tan(levelAngle(low)));
    double to = Math.log(Math.tan(levelAngle(high)));
    double part = Math.clamp((wanted - from) / (to - from), 0, 1);
    return (low + part + 1) / levels.steps();
  }
}
