package org.halfstep.diffusion;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The steps of a sampler in the order they run. Sampling is the loop over them; each is one
 * evaluation of a distilled network (two of a guided teacher).
 *
 * @param steps at least one
 * @param start standard deviation of the noise that the first step begins at: 1, or the first sigma
 *     for Euler's samplers, which leave out what little of an image there is
 */
public record SamplingSchedule(List<SamplingStep> steps, double start) {
  /** Below so many steps a multistep solver ends with a step of first order. */
  private static final int FEW_STEPS = 15;

  public SamplingSchedule {
    steps = List.copyOf(steps);
    if (steps.isEmpty()) {
      throw new IllegalArgumentException("a sampler needs at least one step, got 0");
    }
    if (!(start > 0 && start <= 1)) {
      throw new IllegalArgumentException(
          "a path starts from noise of a deviation above 0, at most 1, got " + start);
    }
  }

  /** Steps that begin at standard normal noise. */
  public SamplingSchedule(List<SamplingStep> steps) {
    this(steps, 1);
  }

  /**
   * A solver on a grid of n steps, from noise to an image.
   *
   * @throws IllegalArgumentException if n is below 1, or the grid does not suit the schedule
   */
  public static SamplingSchedule of(Solver solver, NoiseSchedule schedule, TimeGrid grid, int n) {
    return ofLast(solver, schedule, grid, n, n);
  }

  /**
   * The last steps of a solver on a grid of n: what editing an image runs after it was noised to
   * the first of their times.
   *
   * @param steps how many of the n, at least 1
   * @throws IllegalArgumentException if there are not so many, or the grid does not suit the
   *     schedule
   */
  public static SamplingSchedule ofLast(
      Solver solver, NoiseSchedule schedule, TimeGrid grid, int n, int steps) {
    TimeGrid.Path whole = grid.path(solver, schedule, n);
    NoiseSchedule noise = whole.schedule();
    double[] times = last(whole.times(), n, steps);
    return switch (solver) {
      case DDIM -> ddim(noise, times);
      case ANCESTRAL -> ancestral(noise, times, 0);
      case STOCHASTIC -> stochastic(noise, times);
      case DPM_SOLVER ->
          grid.spacing() == TimeGrid.Spacing.KARRAS
              ? dpmSolver(noise, times).withWholeInputs()
              : dpmSolver(noise, times);
      case CONSISTENCY -> consistency(noise, times);
      case PNDM -> new SamplingSchedule(PndmStep.over(noise, times));
      case HEUN -> new SamplingSchedule(HeunStep.over(noise, times));
      case EULER -> ddim(noise, times).startingLikeEuler(grid);
      case EULER_ANCESTRAL -> ancestral(noise, times, 0).startingLikeEuler(grid);
    };
  }

  /**
   * From noise of the first sigma, unless the levels are counted from the data: what the published
   * samplers do.
   */
  private SamplingSchedule startingLikeEuler(TimeGrid grid) {
    return grid.spacing() == TimeGrid.Spacing.LEADING
        ? this
        : new SamplingSchedule(steps, steps.getFirst().sigma());
  }

  /** The network is told of the nearest level, as the published solver does. */
  private SamplingSchedule withWholeInputs() {
    return new SamplingSchedule(
        steps.stream().map(step -> step.withTimeInput(Math.rint(step.timeInput()))).toList(),
        start);
  }

  /**
   * DDIM from each time to the next: towards the data, or, with rising times, from an image to its
   * noise.
   */
  public static SamplingSchedule ddim(NoiseSchedule schedule, double[] times) {
    List<SamplingStep> steps = new ArrayList<>();
    for (int i = 0; i + 1 < times.length; i++) {
      steps.add(DdimStep.between(schedule, times[i], times[i + 1]));
    }
    return new SamplingSchedule(steps);
  }

  /** DDIM run backwards: from an image at time 0 to noise at time 1 in N equal steps. */
  public static SamplingSchedule encode(NoiseSchedule schedule, int n) {
    return encode(Solver.DDIM, schedule, TimeGrid.UNIFORM, n, n);
  }

  /**
   * DDIM run backwards over the last steps of a solver on a grid of n: from an image to what these
   * steps begin with. At each time the network is told of the time that it is at.
   *
   * @param steps how many of the n, at least 1
   * @throws IllegalArgumentException if there are not so many, or the grid does not suit the
   *     schedule
   */
  public static SamplingSchedule encode(
      Solver solver, NoiseSchedule schedule, TimeGrid grid, int n, int steps) {
    TimeGrid.Path whole = grid.path(solver, schedule, n);
    double[] falling = last(whole.times(), n, steps);
    double[] rising = new double[falling.length];
    for (int i = 0; i < rising.length; i++) {
      rising[i] = falling[rising.length - 1 - i];
    }
    return ddim(whole.schedule(), rising);
  }

  private static double[] last(double[] times, int n, int steps) {
    if (steps < 1 || steps > n) {
      throw new IllegalArgumentException(
          "of " + n + " steps the last 1 to " + n + " can be taken, got " + steps);
    }
    return Arrays.copyOfRange(times, n - steps, n + 1);
  }

  /** Ancestral sampling; see {@link AncestralStep} for the interpolation of the variance. */
  public static SamplingSchedule ancestral(
      NoiseSchedule schedule, double[] times, double interpolation) {
    List<SamplingStep> steps = new ArrayList<>();
    for (int i = 0; i + 1 < times.length; i++) {
      steps.add(AncestralStep.between(schedule, times[i], times[i + 1], interpolation));
    }
    return new SamplingSchedule(steps);
  }

  /**
   * The stochastic sampler of Meng et al., section 3.3: from each time a deterministic step of two
   * grid intervals, then noise for one interval, so that the network is evaluated at each time and
   * noise is added N - 1 times. From the last time but one, one interval remains. The network must
   * have been distilled for these longer steps ({@link DistillationTarget#stochastic}).
   */
  public static SamplingSchedule stochastic(NoiseSchedule schedule, double[] times) {
    List<SamplingStep> steps = new ArrayList<>();
    for (int i = 0; i + 2 < times.length; i++) {
      SamplingStep jump = DdimStep.between(schedule, times[i], times[i + 2]);
      ForwardStep back = ForwardStep.between(schedule, times[i + 2], times[i + 1]);
      steps.add(
          new SamplingStep(
              jump.time(),
              times[i + 1],
              jump.timeInput(),
              jump.alpha(),
              jump.sigma(),
              jump.toNext().times(back.scale()),
              History.NONE,
              back.noise()));
    }
    steps.add(DdimStep.between(schedule, times[times.length - 2], times[times.length - 1]));
    return new SamplingSchedule(steps);
  }

  /**
   * Consistency sampling: an image at each time, and noise in between; the last step ends at it.
   */
  public static SamplingSchedule consistency(NoiseSchedule schedule, double[] times) {
    List<SamplingStep> steps = new ArrayList<>();
    for (int i = 0; i + 1 < times.length; i++) {
      double next = i + 2 == times.length ? 0 : times[i + 1];
      steps.add(ConsistencyStep.between(schedule, times[i], next));
    }
    return new SamplingSchedule(steps);
  }

  /**
   * DPM-Solver++(2M): the first step and one that ends at the image are of first order; so is the
   * last of fewer than 15 steps, which is steadier.
   */
  public static SamplingSchedule dpmSolver(NoiseSchedule schedule, double[] times) {
    int n = times.length - 1;
    List<SamplingStep> steps = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      boolean last = i == n - 1;
      boolean first = i == 0 || last && (times[n] == 0 || n < FEW_STEPS);
      steps.add(
          first
              ? DpmSolverStep.first(schedule, times[i], times[i + 1])
              : DpmSolverStep.second(schedule, times[i - 1], times[i], times[i + 1]));
    }
    return new SamplingSchedule(steps);
  }
}
