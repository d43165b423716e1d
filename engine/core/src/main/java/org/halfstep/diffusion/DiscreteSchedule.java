package org.halfstep.diffusion;

/**
 * A variance preserving schedule of numbered noise levels, as latent diffusion models are trained
 * with: level u = 0 .. steps - 1 has {@code alpha^2 = abar_u}, the product of {@code 1 - beta} up
 * to it. Its time is {@code (u + 1) / steps}; time 0 is the clean image, before the first level. A
 * network is told the level's number.
 *
 * <p>Times between two levels are those of the nearer one, so that any grid may be laid over the
 * schedule: the nodes i/N are the "trailing" steps of the published samplers.
 */
public final class DiscreteSchedule implements NoiseSchedule {
  private final double[] alphaBars;
  private final double[] angles;

  private DiscreteSchedule(double[] alphaBars) {
    this.alphaBars = alphaBars;
    this.angles = new double[alphaBars.length];
    for (int u = 0; u < alphaBars.length; u++) {
      angles[u] = Math.atan2(Math.sqrt(1 - alphaBars[u]), Math.sqrt(alphaBars[u]));
    }
  }

  /** The schedule that a card describes by its betas. */
  public static DiscreteSchedule of(Betas betas) {
    double[] alphaBars = new double[betas.steps()];
    double product = 1;
    for (int u = 0; u < alphaBars.length; u++) {
      product *= 1 - betas.at(u);
      alphaBars[u] = product;
    }
    return new DiscreteSchedule(betas.zeroTerminal() ? toZero(alphaBars) : alphaBars);
  }

  /**
   * Shifts and stretches the square roots so that the last level holds no image at all and the
   * first stays as it is (Lin et al., "Common Diffusion Noise Schedules and Sample Steps Are
   * Flawed", 2024, algorithm 1).
   */
  private static double[] toZero(double[] alphaBars) {
    double first = Math.sqrt(alphaBars[0]);
    double last = Math.sqrt(alphaBars[alphaBars.length - 1]);
    double[] rescaled = new double[alphaBars.length];
    for (int u = 0; u < rescaled.length; u++) {
      double root = (Math.sqrt(alphaBars[u]) - last) * first / (first - last);
      rescaled[u] = root * root;
    }
    return rescaled;
  }

  /**
   * The same schedule with pure noise as its last level and all others as they are: what a student
   * of one step sees when it is sampled, where the schedule it was trained on keeps a little of the
   * image in its last level.
   */
  public DiscreteSchedule withNoiseEnd() {
    double[] ending = alphaBars.clone();
    ending[ending.length - 1] = 0;
    return new DiscreteSchedule(ending);
  }

  /** Number of levels. */
  public int steps() {
    return angles.length;
  }

  /** Square of the scale of the data at a level. */
  public double alphaBar(int level) {
    return alphaBars[level];
  }

  /** The level at a time; -1 for the clean image. */
  public int level(double t) {
    return (int) Math.rint(steps() * t) - 1;
  }

  /** The time of a level; that of -1 is 0. */
  public double time(int level) {
    return (level + 1) / (double) steps();
  }

  @Override
  public double angle(double t) {
    int level = level(t);
    return level < 0 ? 0 : angles[level];
  }

  @Override
  public double alpha(double t) {
    int level = level(t);
    return level < 0 ? 1 : Math.sqrt(alphaBars[level]);
  }

  @Override
  public double sigma(double t) {
    int level = level(t);
    return level < 0 ? 0 : Math.sqrt(1 - alphaBars[level]);
  }

  @Override
  public double logSnr(double t) {
    int level = level(t);
    return level < 0
        ? Double.POSITIVE_INFINITY
        : Math.log(alphaBars[level] / (1 - alphaBars[level]));
  }

  /** The level's number; the network has not seen less than 0, which stands for the clean image. */
  @Override
  public double timeInput(double t) {
    return Math.max(level(t), 0);
  }

  /** Each level is as likely as any other. */
  @Override
  public double trainingTime(double uniform) {
    return time(Math.min((int) (uniform * steps()), steps() - 1));
  }
}
