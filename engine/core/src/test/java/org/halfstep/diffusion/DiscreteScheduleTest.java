package org.halfstep.diffusion;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.halfstep.diffusion.TimeGrid.End;
import org.halfstep.diffusion.TimeGrid.Spacing;
import org.halfstep.random.TorchGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Discrete schedules against the published levels, and against data whose path is known. */
class DiscreteScheduleTest {
  private static final DiscreteSchedule SD = DiscreteSchedule.of(Betas.STABLE_DIFFUSION);
  private static final Betas ZERO = Betas.STABLE_DIFFUSION.withZeroTerminal();
  private static final DiscreteSchedule LDM = DiscreteSchedule.of(Betas.LATENT_DIFFUSION);

  /** Level, then what Stable Diffusion and the latent diffusion models of 2022 have there. */
  @ParameterizedTest
  @CsvSource({
    "0, .999150000, .029159, 7.0694, .998500000, .038740",
    "249, .675432414, .606151, .7329, .510514301, .774883",
    "499, .277669650, 1.015796, -.9561, .115844491, 1.223497",
    "749, .056623492, 1.330535, -2.8130, .008444830, 1.478771",
    "999, .004660099, 1.502478, -5.3640, .000142304, 1.558867"
  })
  void levelsAreThePublishedOnes(
      int level, double abar, double phi, double logSnr, double ldmAbar, double ldmPhi) {
    double t = SD.time(level);
    assertEquals(level, SD.level(t));
    assertEquals(level, SD.timeInput(t));
    assertEquals(abar, SD.alphaBar(level), 6e-10);
    assertEquals(abar, SD.alpha(t) * SD.alpha(t), 6e-10);
    assertEquals(1 - abar, SD.sigma(t) * SD.sigma(t), 6e-10);
    assertEquals(phi, SD.angle(t), 6e-7);
    assertEquals(logSnr, SD.logSnr(t), 6e-5);
    assertEquals(ldmAbar, LDM.alphaBar(level), 6e-10);
    assertEquals(ldmPhi, LDM.angle(t), 6e-7);
  }

  @Test
  void timeZeroIsTheImageItselfAndTheNetworkIsToldOfTheFirstLevel() {
    assertEquals(-1, SD.level(0));
    assertEquals(0, SD.pathAngle(0));
    assertEquals(1, SD.alpha(0));
    assertEquals(0, SD.sigma(0));
    assertEquals(0, SD.timeInput(0));
  }

  @Test
  void zeroTerminalEndsInPureNoiseAndKeepsTheFirstLevel() {
    DiscreteSchedule zero = DiscreteSchedule.of(ZERO);
    assertEquals(SD.alphaBar(0), zero.alphaBar(0), 1e-15);
    assertEquals(.654189, zero.alphaBar(249), 6e-7);
    assertEquals(.242359, zero.alphaBar(499), 6e-7);
    assertEquals(.033171, zero.alphaBar(749), 6e-7);
    assertEquals(1.97e-7, zero.alphaBar(998), 6e-10);
    assertEquals(0, zero.alphaBar(999));
    assertEquals(Math.PI / 2, zero.angle(1));
  }

  @Test
  void everyLevelIsTrainedAsOftenAsAnyOther() {
    int[] counts = new int[1000];
    for (int i = 0; i < 10_000; i++) {
      double t = SD.trainingTime((i + 0.5) / 10_000);
      counts[SD.level(t)]++;
    }
    assertTrue(Arrays.stream(counts).allMatch(count -> count == 10));
    assertEquals(999, SD.level(SD.trainingTime(Math.nextDown(1.0))));
  }

  @Test
  void aUniformGridVisitsTheTrailingLevels() {
    TimeGrid trailing = new TimeGrid(Spacing.TRAILING, 0, End.CLEAN);
    for (int n : new int[] {1, 2, 3, 4, 7, 8, 16, 47, 128, 512}) {
      assertArrayEquals(trailing.times(SD, n), levelTimes(TimeGrid.UNIFORM.times(SD, n)), 1e-15);
    }
  }

  private static double[] levelTimes(double[] times) {
    return Arrays.stream(times).map(t -> SD.time(SD.level(t))).toArray();
  }

  @Test
  void gridsOfLevelsNeedLevels() {
    NoiseSchedule cosine = new NoiseSchedule.Cosine();
    TimeGrid leading = new TimeGrid(Spacing.LEADING, 1, End.FIRST_LEVEL);
    assertThrows(IllegalArgumentException.class, () -> leading.times(cosine, 4));
    assertThrows(IllegalArgumentException.class, () -> leading.times(SD, 0));
    assertThrows(IllegalArgumentException.class, () -> leading.times(SD, 1001));
    assertThrows(
        IllegalArgumentException.class, () -> new TimeGrid(Spacing.TRAILING, 1, End.CLEAN));
    assertThrows(IllegalArgumentException.class, () -> new TimeGrid(null, 0, End.CLEAN));
    assertEquals(1, leading.times(SD, 1000)[0], "beyond the last level comes the last level");
  }

  @Test
  void betasMustRiseBelowOne() {
    assertThrows(IllegalArgumentException.class, () -> Betas.scaledLinear(0, 0.01, 1000));
    assertThrows(IllegalArgumentException.class, () -> Betas.scaledLinear(0.01, 0.001, 1000));
    assertThrows(IllegalArgumentException.class, () -> Betas.scaledLinear(0.01, Double.NaN, 1000));
    assertThrows(IllegalArgumentException.class, () -> Betas.scaledLinear(0.01, 1, 1000));
    assertThrows(IllegalArgumentException.class, () -> Betas.scaledLinear(0.01, 0.02, 1));
    assertThrows(
        IllegalArgumentException.class, () -> Betas.scaledLinear(0.01, 0.02, Integer.MAX_VALUE));
  }

  /**
   * Data of variance 1/4 about zero: eps is sigma z / (alpha^2 / 4 + sigma^2), and a sampler
   * started at z = 1 ends where its steps lead; the exact flow ends at .5008761.
   */
  @ParameterizedTest
  @CsvSource({
    "DDIM, UNIFORM, 0, CLEAN, 1, .0171261",
    "DDIM, UNIFORM, 0, CLEAN, 2, .1430782",
    "DDIM, TRAILING, 0, CLEAN, 4, .2722649",
    "DDIM, UNIFORM, 0, CLEAN, 8, .3635667",
    "DDIM, UNIFORM, 0, CLEAN, 50, .4698672",
    "DDIM, LEADING, 1, FIRST_LEVEL, 4, .3088363",
    "DDIM, LEADING, 1, FIRST_LEVEL, 10, .4065774",
    "DDIM, LEADING, 1, FIRST_LEVEL, 50, .4785734",
    "DPM_SOLVER, LINSPACE, 0, CLEAN, 4, .2808128",
    "DPM_SOLVER, LINSPACE, 0, CLEAN, 10, .4097389",
    "DPM_SOLVER, LINSPACE, 0, CLEAN, 50, .4846526",
    "EULER, LINSPACE, 0, CLEAN, 4, .2452386",
    "EULER, LINSPACE, 0, CLEAN, 10, .3888053",
    "EULER, LINSPACE, 0, CLEAN, 50, .4736144",
    "EULER, LEADING, 1, CLEAN, 4, .3074855",
    "EULER, LEADING, 1, CLEAN, 10, .4047992",
    "EULER, LEADING, 1, CLEAN, 50, .4764803"
  })
  void gaussianDataEndsWhereItMust(
      Solver solver, Spacing spacing, int offset, End end, int n, double expected) {
    SamplingSchedule path = SamplingSchedule.of(solver, SD, new TimeGrid(spacing, offset, end), n);
    double z =
        PlainPath.end(
            path,
            path.start(),
            (at, step) ->
                step.sigma() * at / (0.25 * step.alpha() * step.alpha() + square(step.sigma())));
    assertEquals(expected, z, 6e-8);
  }

  private static double square(double value) {
    return value * value;
  }

  /**
   * The loop of a public test of such samplers: the network answers {@code z t / (t + 1)}, the
   * sample is a ramp of 4 x 3 x 8 x 8, noise is PyTorch's of seed 0; the sum of magnitudes is
   * known.
   */
  @ParameterizedTest
  @CsvSource({"1, 18.7097", "10, 197.7616"})
  void consistencySamplingEndsWhereTheirsDoes(int n, double expected) {
    int size = 4 * 3 * 8 * 8;
    double[] z = new double[size];
    for (int b = 0; b < 4; b++) {
      for (int pixel = 0; pixel < size / 4; pixel++) {
        z[b * size / 4 + pixel] = (pixel * 4 + b) / (double) size;
      }
    }
    TorchGenerator generator = new TorchGenerator(0);
    float[] noise = new float[size];
    TimeGrid grid = new TimeGrid(Spacing.CONSISTENCY, 0, End.FIRST_LEVEL);
    for (SamplingStep step : SamplingSchedule.of(Solver.CONSISTENCY, SD, grid, n).steps()) {
      if (step.noise() != 0) {
        generator.normal(noise);
      }
      LinearMap toV = Parameterization.EPS.to(Parameterization.V, step.alpha(), step.sigma());
      for (int i = 0; i < size; i++) {
        double eps = z[i] * step.timeInput() / (step.timeInput() + 1);
        double v = toV.onZ() * z[i] + toV.onOutput() * eps;
        z[i] = step.toNext().onZ() * z[i] + step.toNext().onOutput() * v + step.noise() * noise[i];
      }
    }
    assertEquals(expected, Arrays.stream(z).map(Math::abs).sum(), 1e-2);
  }

  /** With x = z / alpha and S = sigma / alpha, as that sampler is written. */
  @Test
  void theEulerAncestralSamplerIsTheAncestralOne() {
    for (int level = 999; level > 20; level -= 77) {
      double t = SD.time(level);
      double s = SD.time(level - 20);
      double from = SD.sigma(t) / SD.alpha(t);
      double to = SD.sigma(s) / SD.alpha(s);
      double up = Math.sqrt(to * to * (from * from - to * to) / (from * from));
      double down = Math.sqrt(to * to - up * up);
      SamplingStep step = AncestralStep.between(SD, t, s, 0);
      double z = 0.7;
      double v = -0.3;
      double image = step.toX().onZ() * z + step.toX().onOutput() * v;
      double x = z / SD.alpha(t);
      double next = x + (down - from) * (x - image) / from;
      assertEquals(
          next * SD.alpha(s), step.toNext().onZ() * z + step.toNext().onOutput() * v, 1e-12);
      assertEquals(up * SD.alpha(s), step.noise(), 1e-12);
    }
  }

  @Test
  void aStepOfSecondOrderIsFiniteFromPureNoise() {
    DiscreteSchedule zero = DiscreteSchedule.of(ZERO);
    for (SamplingStep step :
        SamplingSchedule.of(
                Solver.DPM_SOLVER, zero, new TimeGrid(Spacing.TRAILING, 0, End.CLEAN), 20)
            .steps()) {
      assertTrue(Double.isFinite(step.toNext().onZ()), step::toString);
      assertTrue(Double.isFinite(step.toNext().onOutput()), step::toString);
      assertTrue(step.history().onPrevious().stream().allMatch(Double::isFinite), step::toString);
    }
  }

  /** Half strength leaves levels 19 to 499, of which four steps take every sixth. */
  @Test
  void stepsOfAnEditAreSpreadOverTheLevelsThatItsStrengthLeaves() {
    double[] times = new TimeGrid(Spacing.CONSISTENCY, 0, End.CLEAN).consistencyTimes(SD, 4, 25);
    assertArrayEquals(new double[] {0.5, 0.38, 0.26, 0.14, 0}, times, 1e-12);
    assertThrows(
        IllegalArgumentException.class,
        () -> new TimeGrid(Spacing.CONSISTENCY, 0, End.CLEAN).consistencyTimes(SD, 4, 3));
  }
}
