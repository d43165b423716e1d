package org.halfstep.diffusion;

/**
 * What a student of progressive distillation must predict at each index of its time grid: the v for
 * which <em>one</em> of its DDIM steps ends where <em>two</em> steps of the teacher end (Salimans
 * and Ho 2022, algorithm 2; Meng et al. 2023, algorithms 2 and 3).
 *
 * <p>With the two rotations d1 and d2 of the teacher and its predictions v1 = v(z_t, t) and v2 =
 * v(z_mid, t_mid), requiring {@code cos(d1 + d2) z_t - sin(d1 + d2) v = cos(d2) z_mid - sin(d2) v2}
 * gives
 *
 * <pre>v = (-sin d1 sin d2 z_t + sin d1 cos d2 v1 + sin d2 v2) / sin(d1 + d2).</pre>
 *
 * This is the published quotient {@code (z_end - (sigma_end / sigma_t) z_t) / (alpha_end -
 * (sigma_end / sigma_t) alpha_t)} in v-space and expanded: it never forms the difference of two
 * nearly equal images, so float32 predictions serve at any N. Nothing is clipped.
 *
 * <p>A step that ends at time 0 ends at angle 0 exactly ({@link NoiseSchedule#pathAngle}). For the
 * first index this makes the target in x-space the teacher's own x prediction at the midpoint,
 * which is the special case in the released code of Salimans and Ho: the sampler's last step
 * returns the predicted x.
 *
 * <p>Coefficients are computed once per index; {@link #at} allocates nothing.
 */
public final class DistillationTarget {
  /**
   * The target at one index of the grid.
   *
   * @param index grid index i
   * @param time t at which the student and the teacher's first evaluation see z_t
   * @param midTime time of the teacher's second evaluation
   * @param endTime where both end
   * @param alpha scale of the data in z_t
   * @param sigma scale of the noise in z_t
   * @param toMid coefficients on (z_t, v1) that give z_mid
   * @param onZ coefficient of z_t in the target
   * @param onFirst coefficient of v1 in the target
   * @param onSecond coefficient of v2 in the target; 0 where one teacher step suffices (then
   *     midTime = time and z_mid = z_t)
   */
  public record Coefficients(
      int index,
      double time,
      double midTime,
      double endTime,
      double alpha,
      double sigma,
      LinearMap toMid,
      double onZ,
      double onFirst,
      double onSecond) {

    /** The target v over the arrays of one sample. */
    public void apply(double[] z, double[] first, double[] second, double[] target) {
      for (int j = 0; j < target.length; j++) {
        target[j] = onZ * z[j] + onFirst * first[j] + onSecond * second[j];
      }
    }
  }

  private final Chain chain;
  private final int steps;
  private final int firstIndex;
  private final Coefficients[] coefficients;

  private DistillationTarget(Chain chain, int steps, int firstIndex) {
    this.chain = chain;
    this.steps = requireSteps(steps);
    this.firstIndex = firstIndex;
    this.coefficients = new Coefficients[steps];
  }

  /**
   * Targets for a deterministic student of N steps: two steps of the teacher's grid of 2N, which
   * are t -> t - 0.5/N -> t - 1/N for t = i/N, i = 1 .. N, on a uniform one.
   *
   * @throws IllegalArgumentException if N is below 1, or the grid does not suit the schedule
   */
  public static DistillationTarget deterministic(NoiseSchedule schedule, TimeGrid grid, int n) {
    DistillationTarget target = new DistillationTarget(Chain.DETERMINISTIC, n, 1);
    double[] times = grid.times(schedule, 2 * n);
    for (int i = 1; i <= n; i++) {
      int at = 2 * (n - i);
      target.set(twoSteps(schedule, i, times[at], times[at + 1], times[at + 2]));
    }
    return target;
  }

  /**
   * Targets for a student of the stochastic N-step sampler, whose steps are two grid intervals
   * long: on a uniform grid teacher t -> t - 1/N -> t - 2/N, for t = i/N, i = 2 .. N. At i = 1 one
   * interval remains: a single teacher step, so the target is the teacher's own prediction.
   *
   * @throws IllegalArgumentException if N is below 1, or the grid does not suit the schedule
   */
  public static DistillationTarget stochastic(NoiseSchedule schedule, TimeGrid grid, int n) {
    DistillationTarget target = new DistillationTarget(Chain.STOCHASTIC, n, 1);
    double[] times = grid.times(schedule, n);
    double first = times[n - 1];
    target.set(
        new Coefficients(
            1,
            first,
            first,
            times[n],
            schedule.alpha(first),
            schedule.sigma(first),
            LinearMap.KEEP_Z,
            0,
            1,
            0));
    for (int i = 2; i <= n; i++) {
      int at = n - i;
      target.set(twoSteps(schedule, i, times[at], times[at + 1], times[at + 2]));
    }
    return target;
  }

  /**
   * Targets for an encoder of N steps, from the data towards noise: two steps of the teacher's grid
   * of 2N taken backwards, on a uniform one t -> t + 0.5/N -> t + 1/N for t = i/N, i = 0 .. N - 1.
   * At time 0, z_t is the image itself (alpha 1, sigma 0).
   *
   * @throws IllegalArgumentException if N is below 1, or the grid does not suit the schedule
   */
  public static DistillationTarget encoder(NoiseSchedule schedule, TimeGrid grid, int n) {
    DistillationTarget target = new DistillationTarget(Chain.ENCODER, n, 0);
    double[] times = grid.times(schedule, 2 * n);
    for (int i = 0; i < n; i++) {
      int at = 2 * (n - i);
      target.set(twoSteps(schedule, i, times[at], times[at - 1], times[at - 2]));
    }
    return target;
  }

  /**
   * Targets of a chain of students.
   *
   * @throws IllegalArgumentException if N is below 1, or the grid does not suit the schedule
   */
  public static DistillationTarget of(Chain chain, NoiseSchedule schedule, TimeGrid grid, int n) {
    return switch (chain) {
      case DETERMINISTIC -> deterministic(schedule, grid, n);
      case STOCHASTIC -> stochastic(schedule, grid, n);
      case ENCODER -> encoder(schedule, grid, n);
    };
  }

  private static Coefficients twoSteps(
      NoiseSchedule schedule, int index, double time, double midTime, double endTime) {
    double start = schedule.pathAngle(time);
    double mid = schedule.pathAngle(midTime);
    double end = schedule.pathAngle(endTime);
    double d1 = start - mid;
    double d2 = mid - end;
    double whole = Math.sin(start - end);
    return new Coefficients(
        index,
        time,
        midTime,
        endTime,
        schedule.pathAlpha(time),
        schedule.pathSigma(time),
        DdimStep.rotation(d1),
        -Math.sin(d1) * Math.sin(d2) / whole,
        Math.sin(d1) * Math.cos(d2) / whole,
        Math.sin(d2) / whole);
  }

  private void set(Coefficients one) {
    coefficients[one.index() - firstIndex] = one;
  }

  /** What the student's steps are made for. */
  public Chain chain() {
    return chain;
  }

  /** N: the student's steps, and the number of indices. */
  public int steps() {
    return steps;
  }

  /**
   * Smallest index: 1, or 0 for an encoder. Indices run from here to {@code firstIndex() + steps()
   * - 1}.
   */
  public int firstIndex() {
    return firstIndex;
  }

  /**
   * The target's coefficients at an index.
   *
   * @throws IndexOutOfBoundsException if the index is outside the grid
   */
  public Coefficients at(int index) {
    if (index < firstIndex || index >= firstIndex + steps) {
      throw new IndexOutOfBoundsException(
          "grid index "
              + index
              + " is outside "
              + firstIndex
              + " .. "
              + (firstIndex + steps - 1)
              + " of the "
              + chain
              + " chain");
    }
    return coefficients[index - firstIndex];
  }

  private static int requireSteps(int steps) {
    if (steps < 1) {
      throw new IllegalArgumentException("a student needs at least one step, got " + steps);
    }
    return steps;
  }
}
