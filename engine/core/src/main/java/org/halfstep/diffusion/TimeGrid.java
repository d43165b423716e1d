package org.halfstep.diffusion;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.util.Arrays;

/**
 * At which times a sampler of N steps evaluates its network, and where its path ends.
 *
 * @param spacing how the times lie
 * @param offset added to every level of {@link Spacing#LEADING}; 0 elsewhere
 * @param end where the last step leads
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record TimeGrid(Spacing spacing, int offset, End end) {
  /** How the times of N steps lie. The names but the first are those of published samplers. */
  public enum Spacing {
    /** i/N, i = N .. 1, on any schedule; what distillation halves. */
    UNIFORM,
    /** Multiples of {@code steps div N} levels, counted from the data. */
    LEADING,
    /** Levels {@code rint(steps - i steps / N) - 1}, counted from the noise. */
    TRAILING,
    /** N levels from the first to the last, evenly. */
    LINSPACE,
    /** Every so many of 50 levels at equal distances: what latent consistency models know. */
    CONSISTENCY,
    /**
     * N values of sigma / alpha from the last level's to the first's, their seventh roots evenly,
     * between levels (Karras et al., 2022, equation 5).
     */
    KARRAS
  }

  /**
   * Where a sampler evaluates its network.
   *
   * @param schedule the noise at these times: the model's, or one between its levels
   * @param times of n steps and, last, the time where the path ends
   */
  record Path(NoiseSchedule schedule, double[] times) {}

  /** Where a path ends. */
  public enum End {
    /** At the predicted image itself. */
    CLEAN,
    /** At the schedule's first level, with the little noise that it has. */
    FIRST_LEVEL
  }

  /** i/N down to the image. */
  public static final TimeGrid UNIFORM = new TimeGrid(Spacing.UNIFORM, 0, End.CLEAN);

  /** Levels that latent consistency models are distilled at. */
  public static final int CONSISTENCY_LEVELS = 50;

  private static final int MOST_OFFSET = 1000;

  /** The root that {@link Spacing#KARRAS} spaces evenly. */
  private static final double KARRAS_ROOT = 7;

  public TimeGrid {
    if (spacing == null || end == null) {
      throw new IllegalArgumentException("a time grid needs its spacing and its end");
    }
    if (spacing == Spacing.KARRAS && end != End.CLEAN) {
      throw new IllegalArgumentException(
          "KARRAS spaces steps down to the first level; the one after it ends at the image: CLEAN");
    }
    if (offset < 0 || offset > MOST_OFFSET || offset > 0 && spacing != Spacing.LEADING) {
      throw new IllegalArgumentException(
          "an offset of 0 to " + MOST_OFFSET + " levels belongs to LEADING, got " + offset);
    }
  }

  /**
   * The same with times that lie in another way. An offset stays where it has a meaning; the end is
   * the image where the last time is the first level's.
   */
  public TimeGrid withSpacing(Spacing other) {
    return new TimeGrid(
        other,
        other == Spacing.LEADING ? offset : 0,
        other == Spacing.KARRAS || other == Spacing.LINSPACE ? End.CLEAN : end);
  }

  /**
   * The path of a solver.
   *
   * @throws IllegalArgumentException as {@link #times}
   */
  Path path(Solver solver, NoiseSchedule schedule, int n) {
    if (spacing == Spacing.KARRAS) {
      return karras(discrete(schedule), n);
    }
    if (spacing == Spacing.LINSPACE && solver.isFractional()) {
      return evenly(discrete(schedule), n);
    }
    return new Path(
        schedule, solver == Solver.DPM_SOLVER ? multistepTimes(schedule, n) : times(schedule, n));
  }

  /** N times from the first level to the last, whole or not. */
  private Path evenly(DiscreteSchedule levels, int n) {
    requireEnough(levels.steps(), n);
    double[] times = new double[n + 1];
    for (int i = 0; i < n; i++) {
      double level = n == 1 ? 0 : (n - 1 - i) * ((levels.steps() - 1) / (double) (n - 1));
      times[i] = (level + 1) / levels.steps();
    }
    times[n] = endTime(levels);
    return new Path(new InterpolatedSchedule(levels, InterpolatedSchedule.Kind.RATIO), times);
  }

  private Path karras(DiscreteSchedule levels, int n) {
    requireEnough(levels.steps(), n);
    double last = Math.tan(levels.angle(1));
    double first = Math.tan(levels.angle(levels.time(0)));
    if (levels.alphaBar(levels.steps() - 1) == 0) {
      throw new IllegalArgumentException(
          "KARRAS spaces sigma / alpha, which is infinite at this schedule's last level: use"
              + " TRAILING");
    }
    InterpolatedSchedule between =
        new InterpolatedSchedule(levels, InterpolatedSchedule.Kind.LOG_SNR);
    double from = Math.pow(last, 1 / KARRAS_ROOT);
    double to = Math.pow(first, 1 / KARRAS_ROOT);
    double[] times = new double[n + 1];
    for (int i = 0; i < n; i++) {
      double part = n == 1 ? 0 : (double) i / (n - 1);
      times[i] = between.timeOf(Math.pow(from + part * (to - from), KARRAS_ROOT));
    }
    return new Path(between, times);
  }

  private double endTime(DiscreteSchedule levels) {
    return end == End.CLEAN ? 0 : levels.time(0);
  }

  /**
   * The times of n steps and, last, the time where the path ends.
   *
   * @throws IllegalArgumentException if the schedule has no levels and the spacing counts them, or
   *     fewer levels than steps
   */
  public double[] times(NoiseSchedule schedule, int n) {
    if (n < 1) {
      throw new IllegalArgumentException("a sampler needs at least one step, got " + n);
    }
    if (spacing == Spacing.UNIFORM) {
      double[] times = new double[n + 1];
      for (int i = 0; i <= n; i++) {
        times[i] = (double) (n - i) / n;
      }
      if (end == End.FIRST_LEVEL) {
        times[n] = discrete(schedule).time(0);
      }
      return times;
    }
    DiscreteSchedule levels = discrete(schedule);
    if (spacing == Spacing.KARRAS) {
      return karras(levels, n).times();
    }
    requireEnough(levels.steps(), n);
    return times(levels, levels(levels.steps(), n));
  }

  /**
   * The same for solvers of several steps, which take n of n + 1 levels where the spacing would
   * have one of them at the first level.
   */
  public double[] multistepTimes(NoiseSchedule schedule, int n) {
    if (spacing != Spacing.LEADING && spacing != Spacing.LINSPACE) {
      return times(schedule, n);
    }
    DiscreteSchedule levels = discrete(schedule);
    requireEnough(levels.steps(), n);
    return times(levels, multistepLevels(levels.steps(), n));
  }

  private double[] times(DiscreteSchedule schedule, int[] levels) {
    double[] times = new double[levels.length + 1];
    for (int i = 0; i < levels.length; i++) {
      times[i] = schedule.time(Math.min(levels[i], schedule.steps() - 1));
    }
    times[levels.length] = endTime(schedule);
    return times;
  }

  /** {@link #levels} for solvers of several steps. */
  public int[] multistepLevels(int steps, int n) {
    return spacing == Spacing.LEADING || spacing == Spacing.LINSPACE
        ? Arrays.copyOf(levels(steps, n + 1), n)
        : levels(steps, n);
  }

  private void requireEnough(int steps, int n) {
    int most = spacing == Spacing.CONSISTENCY ? CONSISTENCY_LEVELS : steps;
    if (n > most) {
      throw new IllegalArgumentException(
          "this sampler has at most " + most + " steps, one for each level; got " + n);
    }
  }

  /**
   * The levels of n steps, the noisiest first, as published samplers count them. A large offset
   * leads beyond the last level (leading, 1000 steps, offset 1); {@link #times} takes the last one
   * there.
   *
   * @param steps levels of the schedule
   */
  public int[] levels(int steps, int n) {
    int[] levels = new int[n];
    for (int i = 0; i < n; i++) {
      levels[i] =
          switch (spacing) {
            case LEADING -> (n - 1 - i) * (steps / n) + offset;
            case TRAILING -> (int) Math.rint(steps - i * (double) steps / n) - 1;
            case LINSPACE -> evenly(steps - 1, n - 1 - i, n - 1);
            case CONSISTENCY -> consistencyLevel(steps, CONSISTENCY_LEVELS, i, n);
            case UNIFORM, KARRAS ->
                throw new IllegalStateException(spacing + " does not count levels");
          };
    }
    return levels;
  }

  /** Number i of n intervals, as NumPy's linspace rounds: the interval first, then its multiple. */
  private static int evenly(int last, int i, int n) {
    return i == n && n > 0 ? last : n == 0 ? 0 : (int) Math.rint(i * ((double) last / n));
  }

  /** Level number i of n that lie evenly among the first {@code kept} of those distilled at. */
  private static int consistencyLevel(int steps, int kept, int i, int n) {
    return steps / CONSISTENCY_LEVELS * (kept - i * kept / n) - 1;
  }

  /**
   * The times of n steps of a consistency model that edits an image, and time 0: they are spread
   * over the first levels that it was distilled at, in place of being the last of more steps.
   *
   * @param kept how many of the {@value #CONSISTENCY_LEVELS} levels, from n on
   * @throws IllegalArgumentException if there are fewer than n, or the schedule has no levels
   */
  public double[] consistencyTimes(NoiseSchedule schedule, int n, int kept) {
    DiscreteSchedule levels = discrete(schedule);
    if (n < 1 || n > kept || kept > CONSISTENCY_LEVELS) {
      throw new IllegalArgumentException(
          n + " steps do not fit " + kept + " of " + CONSISTENCY_LEVELS + " levels");
    }
    int[] chosen = new int[n];
    for (int i = 0; i < n; i++) {
      chosen[i] = consistencyLevel(levels.steps(), kept, i, n);
    }
    return times(levels, chosen);
  }

  private DiscreteSchedule discrete(NoiseSchedule schedule) {
    if (schedule instanceof DiscreteSchedule discrete) {
      return discrete;
    }
    throw new IllegalArgumentException(
        "the grid "
            + spacing
            + " to "
            + end
            + " counts noise levels, and this model's schedule is continuous: use UNIFORM to"
            + " CLEAN");
  }
}
