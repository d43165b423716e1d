package org.halfstep.diffusion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.halfstep.diffusion.Betas.Rise;
import org.halfstep.diffusion.TimeGrid.End;
import org.halfstep.diffusion.TimeGrid.Spacing;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The samplers of other programs as they write them, in double. The public tests of such samplers
 * have a network that answers {@code z t / (t + 1)} and a ramp of 4 x 3 x 8 x 8; what comes out of
 * ten steps is known.
 */
class PublishedLoopsTest {
  private static final int SIZE = 4 * 3 * 8 * 8;
  private static final int N = 10;
  private static final DiscreteSchedule SD = DiscreteSchedule.of(Betas.STABLE_DIFFUSION);

  private static double[] ramp() {
    double[] z = new double[SIZE];
    for (int b = 0; b < 4; b++) {
      for (int pixel = 0; pixel < SIZE / 4; pixel++) {
        z[b * SIZE / 4 + pixel] = (pixel * 4 + b) / (double) SIZE;
      }
    }
    return z;
  }

  private static DiscreteSchedule linear(double start, int steps) {
    return DiscreteSchedule.of(new Betas(start, 0.02, steps, false, Rise.LINEAR));
  }

  private static double network(double z, double t) {
    return z * t / (t + 1);
  }

  private static double magnitudes(double[] z) {
    return Arrays.stream(z).map(Math::abs).sum();
  }

  @ParameterizedTest
  @CsvSource({
    "EPS, .0001, CLEAN, 172.0067",
    "V, .0001, CLEAN, 52.5302",
    "EPS, .01, CLEAN, 149.8295",
    "EPS, .01, FIRST_LEVEL, 149.0784"
  })
  void ddimOnLinearBetas(Parameterization output, double start, End end, double expected) {
    DiscreteSchedule schedule = linear(start, 1000);
    double[] times = new TimeGrid(Spacing.LEADING, 0, end).times(schedule, N);
    double[] z = ramp();
    for (int k = 0; k < N; k++) {
      double alpha = schedule.alpha(times[k]);
      double sigma = schedule.sigma(times[k]);
      double nextAlpha = times[k + 1] == 0 ? 1 : schedule.alpha(times[k + 1]);
      double nextSigma = times[k + 1] == 0 ? 0 : schedule.sigma(times[k + 1]);
      for (int i = 0; i < SIZE; i++) {
        double out = network(z[i], schedule.timeInput(times[k]));
        double image =
            output == Parameterization.V
                ? alpha * z[i] - sigma * out
                : (z[i] - sigma * out) / alpha;
        double noise = output == Parameterization.V ? sigma * z[i] + alpha * out : out;
        z[i] = nextAlpha * Math.clamp(image, -1, 1) + nextSigma * noise;
      }
    }
    assertEquals(expected, magnitudes(z), 1e-2);
  }

  /** Their solver of second order goes on to the first level without a step of first order. */
  @ParameterizedTest
  @CsvSource({"EPS, .3301", "V, .2251"})
  void dpmSolverOnLinearBetas(Parameterization output, double expected) {
    DiscreteSchedule schedule = linear(.0001, 1000);
    double[] times = new TimeGrid(Spacing.LINSPACE, 0, End.FIRST_LEVEL).multistepTimes(schedule, N);
    double[] z = ramp();
    double[] before = new double[SIZE];
    for (int k = 0; k < N; k++) {
      SamplingStep step =
          k == 0
              ? DpmSolverStep.first(schedule, times[0], times[1])
              : DpmSolverStep.second(schedule, times[k - 1], times[k], times[k + 1]);
      LinearMap toV = output.to(Parameterization.V, step.alpha(), step.sigma());
      for (int i = 0; i < SIZE; i++) {
        double v = toV.onZ() * z[i] + toV.onOutput() * network(z[i], step.timeInput());
        double image = step.toX().onZ() * z[i] + step.toX().onOutput() * v;
        z[i] = step.toNext().onZ() * z[i] + step.toNext().onOutput() * v;
        for (double coefficient : step.history().onPrevious()) {
          z[i] += coefficient * before[i];
        }
        before[i] = image;
      }
    }
    assertEquals(expected, magnitudes(z) / SIZE, 1e-3);
  }

  /** Their loop goes on from what the network was given, z, as if it were z / alpha. */
  @Test
  void eulerOnLinearBetas() {
    SamplingSchedule path =
        SamplingSchedule.of(
            Solver.EULER, linear(.0001, 1100), new TimeGrid(Spacing.LINSPACE, 0, End.CLEAN), N);
    List<SamplingStep> steps = path.steps();
    double[] x = ramp();
    for (int i = 0; i < SIZE; i++) {
      x[i] *= path.start() / steps.getFirst().alpha();
    }
    for (int k = 0; k < N; k++) {
      double ratio = steps.get(k).sigma() / steps.get(k).alpha();
      double next = k + 1 == N ? 0 : steps.get(k + 1).sigma() / steps.get(k + 1).alpha();
      for (int i = 0; i < SIZE; i++) {
        double scaled = x[i] / Math.sqrt(ratio * ratio + 1);
        x[i] = scaled + (next - ratio) * network(scaled, steps.get(k).timeInput());
      }
    }
    assertEquals(10.0807, magnitudes(x), 1e-2);
  }

  /** Euler's steps as they are written, in x = z / alpha and the ratio of sigma to alpha. */
  @Test
  void eulerIsWhatItIsCalled() {
    TimeGrid grid = new TimeGrid(Spacing.LINSPACE, 0, End.CLEAN);
    int n = 7;
    double[] ratios = new double[n + 1];
    double[] inputs = new double[n];
    for (int k = 0; k < n; k++) {
      inputs[k] = (n - 1 - k) * 999.0 / (n - 1);
      int below = (int) Math.min(Math.floor(inputs[k]), 998);
      double low = Math.sqrt(1 / SD.alphaBar(below) - 1);
      double high = Math.sqrt(1 / SD.alphaBar(below + 1) - 1);
      ratios[k] = low + (inputs[k] - below) * (high - low);
    }
    double x = ratios[0];
    for (int k = 0; k < n; k++) {
      double eps = gaussian(x / Math.sqrt(ratios[k] * ratios[k] + 1), ratios[k]);
      x += (ratios[k + 1] - ratios[k]) * eps;
    }
    SamplingSchedule path = SamplingSchedule.of(Solver.EULER, SD, grid, n);
    for (int k = 0; k < n; k++) {
      assertEquals(inputs[k], path.steps().get(k).timeInput(), 1e-9);
    }
    assertEquals(x, follow(path), 1e-12);
  }

  /** Noise of data of variance 1/4 about zero. */
  private static double gaussian(double z, double ratio) {
    double alpha = 1 / Math.sqrt(1 + ratio * ratio);
    double sigma = ratio * alpha;
    return sigma * z / (0.25 * alpha * alpha + sigma * sigma);
  }

  private static double follow(SamplingSchedule path) {
    return PlainPath.end(path, path.start(), (z, step) -> gaussian(z, step.sigma() / step.alpha()));
  }

  /** PNDM as its program has it: kept outputs, a saved start, and its quotient of abars. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5, 10, 50})
  void pndmIsWhatItIsCalled(int n) {
    for (End end : End.values()) {
      TimeGrid grid = new TimeGrid(Spacing.LEADING, 1, end);
      int[] levels = grid.levels(1000, n);
      List<Integer> visited = new ArrayList<>();
      for (int i = 0; i < n; i++) {
        visited.add(levels[i]);
        if (i == 1) {
          visited.add(levels[i]);
        }
      }
      double z = 1;
      double saved = z;
      List<Double> kept = new ArrayList<>();
      for (int call = 0; call < visited.size(); call++) {
        int level = visited.get(call);
        double e = gaussian(z, Math.sqrt(1 / SD.alphaBar(level) - 1));
        int from = level;
        int next = call + 1 < visited.size() ? visited.get(call + 1) : -1;
        if (call == 1) {
          from = visited.get(0);
          next = level;
          e = (e + kept.getFirst()) / 2;
          z = saved;
        } else {
          kept.addFirst(e);
          e =
              switch (kept.size()) {
                case 1 -> e;
                case 2 -> (3 * e - kept.get(1)) / 2;
                case 3 -> (23 * e - 16 * kept.get(1) + 5 * kept.get(2)) / 12;
                default -> (55 * e - 59 * kept.get(1) + 37 * kept.get(2) - 9 * kept.get(3)) / 24;
              };
        }
        double a = SD.alphaBar(from);
        double b = next >= 0 ? SD.alphaBar(next) : end == End.CLEAN ? 1 : SD.alphaBar(0);
        z =
            Math.sqrt(b / a) * z
                - (b - a) * e / (a * Math.sqrt(1 - b) + Math.sqrt(a * (1 - a) * b));
      }
      SamplingSchedule path = SamplingSchedule.of(Solver.PNDM, SD, grid, n);
      assertEquals(z, follow(path), 1e-12);
      assertEquals(visited.size(), path.steps().size());
      assertEquals(Solver.PNDM.evaluations(n), path.steps().size());
    }
  }

  @Test
  void pndmComesNearTheExactFlow() {
    SamplingSchedule path =
        SamplingSchedule.of(Solver.PNDM, SD, new TimeGrid(Spacing.TRAILING, 0, End.CLEAN), 100);
    assertEquals(.5008761, follow(path), 5e-3);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 9, 30})
  void karrasSpacesTheSeventhRoots(int n) {
    TimeGrid grid = new TimeGrid(Spacing.KARRAS, 0, End.CLEAN);
    double most = Math.pow(Math.sqrt(1 / SD.alphaBar(999) - 1), 1 / 7.0);
    double least = Math.pow(Math.sqrt(1 / SD.alphaBar(0) - 1), 1 / 7.0);
    List<SamplingStep> steps = SamplingSchedule.of(Solver.EULER, SD, grid, n).steps();
    for (int k = 0; k < n; k++) {
      double part = n == 1 ? 0 : k / (double) (n - 1);
      double ratio = Math.pow(most + part * (least - most), 7);
      assertEquals(ratio, steps.get(k).sigma() / steps.get(k).alpha(), 1e-9 * ratio);
      // What the network is told lies between the levels on both sides, by the logarithm.
      double told = steps.get(k).timeInput();
      int below = (int) Math.min(Math.floor(told + 1e-9), 998);
      double low = Math.log(1 / SD.alphaBar(below) - 1) / 2;
      double high = Math.log(1 / SD.alphaBar(below + 1) - 1) / 2;
      assertEquals((Math.log(ratio) - low) / (high - low), told - below, 1e-6);
    }
    assertEquals(0, steps.getLast().nextTime());
    List<SamplingStep> whole = SamplingSchedule.of(Solver.DPM_SOLVER, SD, grid, n).steps();
    for (int k = 0; k < n; k++) {
      assertEquals(Math.rint(steps.get(k).timeInput()), whole.get(k).timeInput());
      assertEquals(steps.get(k).sigma(), whole.get(k).sigma());
    }
  }

  @Test
  void karrasNeedsAFiniteRatio() {
    DiscreteSchedule zero = DiscreteSchedule.of(Betas.STABLE_DIFFUSION.withZeroTerminal());
    TimeGrid grid = new TimeGrid(Spacing.KARRAS, 0, End.CLEAN);
    assertThrows(IllegalArgumentException.class, () -> grid.times(zero, 4));
    assertThrows(
        IllegalArgumentException.class, () -> new TimeGrid(Spacing.KARRAS, 0, End.FIRST_LEVEL));
  }

  @Test
  void betweenLevelsNoiseRisesAndAtThemItIsTheirs() {
    for (InterpolatedSchedule.Kind kind : InterpolatedSchedule.Kind.values()) {
      InterpolatedSchedule between = new InterpolatedSchedule(SD, kind);
      double last = -1;
      for (int i = 0; i <= 4000; i++) {
        double angle = between.angle(i / 4000.0);
        assertTrue(angle > last, kind + " at " + i);
        last = angle;
      }
      for (int level = 0; level < 1000; level += 37) {
        assertEquals(SD.angle(SD.time(level)), between.angle(SD.time(level)));
        assertEquals(level, between.timeInput(SD.time(level)));
      }
      assertEquals(0, between.angle(0));
    }
  }
}
