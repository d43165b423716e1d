package org.halfstep.diffusion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The targets of distillation on a schedule of levels, against the formulas of the papers. */
class DiscreteTargetsTest {
  private static final DiscreteSchedule SCHEDULE = DiscreteSchedule.of(Betas.STABLE_DIFFUSION);
  private static final int LAST = 999;

  /** Not linear in z, and told the level's number: v(z, u). */
  private static double teacher(double z, double input) {
    return Math.sin(3 * z) + z * input / 1000 - 0.4;
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 250, 998, 999})
  void anEpsTeachersPredictionBecomesTheVOfItsImage(int level) {
    double t = SCHEDULE.time(level);
    double alpha = SCHEDULE.alpha(t);
    double sigma = SCHEDULE.sigma(t);
    double z = 0.7;
    double with = -0.3;
    double without = 0.2;
    double w = 5.5;
    double eps = (1 + w) * with - w * without;
    double image = (z - sigma * eps) / alpha;
    double[] target = new double[1];
    GuidedTarget.of(Parameterization.EPS, alpha, sigma, w)
        .apply(new double[] {z}, new double[] {with}, new double[] {without}, target);
    assertEquals(alpha * eps - sigma * image, target[0], 1e-11);
    GuidedTarget.of(Parameterization.EPS, alpha, sigma, 0)
        .apply(new double[] {z}, new double[] {with}, new double[] {1e9}, target);
    assertEquals((with - sigma * z) / alpha, target[0], 1e-12, "w = 0 reads one branch");
  }

  @ParameterizedTest
  @CsvSource({"0,0", "250,300", "700,999", "1000,999", "5000,250"})
  void theGradientOfARampedLossIsItsSlope(long update, int level) {
    WeightRamp ramp = new WeightRamp(LossWeighting.SNR, LossWeighting.TRUNCATED_SNR, 1000);
    ErrorWeight weight = (alpha, sigma) -> ramp.weightOnV(update, alpha, sigma);
    double alpha = SCHEDULE.alpha(SCHEDULE.time(level));
    double sigma = SCHEDULE.sigma(SCHEDULE.time(level));
    double[] target = {0.4, -1.1, 0.9};
    double[] student = {0.1, 0.3, -0.2};
    int batch = 7;
    double factor = weight.gradientOfDifference(alpha, sigma, 3, batch);
    for (int j = 0; j < 3; j++) {
      double h = 1e-4;
      double[] more = student.clone();
      more[j] += h;
      double[] less = student.clone();
      less[j] -= h;
      double slope =
          (loss(weight, alpha, sigma, more, target) - loss(weight, alpha, sigma, less, target))
              / (2 * h * batch);
      assertEquals(slope, factor * student[j] - factor * target[j], 1e-9);
    }
  }

  private static double loss(
      ErrorWeight weight, double alpha, double sigma, double[] student, double[] target) {
    double squares = 0;
    for (int j = 0; j < target.length; j++) {
      squares += (student[j] - target[j]) * (student[j] - target[j]);
    }
    return weight.lossOfSquaredDistance(alpha, sigma, target.length) * squares;
  }

  @Test
  void aRampBeginsAtTheErrorOfEpsAndEndsAtTheLargerOfBoth() {
    WeightRamp ramp = new WeightRamp(LossWeighting.SNR, LossWeighting.TRUNCATED_SNR, 100);
    for (int level : new int[] {0, 400, LAST}) {
      double alpha = SCHEDULE.alpha(SCHEDULE.time(level));
      double sigma = SCHEDULE.sigma(SCHEDULE.time(level));
      double z = 0.6;
      double v = 0.3;
      double other = -0.5;
      // Both as eps: sigma z + alpha v.
      double eps = sigma * z + alpha * v - (sigma * z + alpha * other);
      double x = alpha * z - sigma * v - (alpha * z - sigma * other);
      double square = (v - other) * (v - other);
      assertEquals(eps * eps, ramp.weightOnV(0, alpha, sigma) * square, 1e-12);
      double larger = Math.max(eps * eps, x * x);
      assertEquals(larger, ramp.weightOnV(100, alpha, sigma) * square, 1e-12);
      assertEquals(larger, ramp.weightOnV(1_000_000, alpha, sigma) * square, 1e-12);
      assertEquals(
          (eps * eps + larger) / 2, ramp.weightOnV(50, alpha, sigma) * square, 1e-12, "half way");
    }
    assertThrows(
        IllegalArgumentException.class,
        () -> new WeightRamp(LossWeighting.SNR, LossWeighting.TRUNCATED_SNR, -1));
    assertEquals(
        1, new WeightRamp(LossWeighting.SNR, LossWeighting.SNR_PLUS_1, 0).weightOnV(0, 0.1, 1));
  }

  private static int level(double t) {
    return (int) Math.rint(1000 * t) - 1;
  }

  private static double alpha(int level) {
    double product = 1;
    for (int j = 0; j <= level; j++) {
      double root = Math.sqrt(0.00085) + j * (Math.sqrt(0.012) - Math.sqrt(0.00085)) / LAST;
      product *= 1 - root * root;
    }
    return Math.sqrt(product);
  }

  private static double sigma(int level) {
    double alpha = alpha(level);
    return level < 0 ? 0 : Math.sqrt(1 - alpha * alpha);
  }

  /** DDIM as the paper has it, alpha' x + sigma' eps, from one level to the next. */
  private static double ddim(double z, double v, int from, int to) {
    double x = alpha(from) * z - sigma(from) * v;
    double eps = sigma(from) * z + alpha(from) * v;
    return alpha(to) * x + sigma(to) * eps;
  }

  @ParameterizedTest
  @EnumSource(names = {"DETERMINISTIC", "STOCHASTIC"})
  void oneStudentStepLandsWhereTwoTeacherStepsLand(Chain chain) {
    for (int n : new int[] {1, 2, 4, 8, 64, 256}) {
      boolean deterministic = chain == Chain.DETERMINISTIC;
      DistillationTarget target =
          deterministic
              ? DistillationTarget.deterministic(SCHEDULE, TimeGrid.UNIFORM, n)
              : DistillationTarget.stochastic(SCHEDULE, TimeGrid.UNIFORM, n);
      for (int i = 1; i <= n; i++) {
        double length = deterministic || i == 1 ? 1.0 / n : 2.0 / n;
        double t = (double) i / n;
        int start = level(t);
        int end = level(t - length);
        int mid = level(t - length / 2);
        double z = 0.37;
        double landing;
        if (!deterministic && i == 1) {
          landing = ddim(z, teacher(z, start), start, end);
        } else {
          double atMid = ddim(z, teacher(z, start), start, mid);
          landing = ddim(atMid, teacher(atMid, mid), mid, end);
        }
        DistillationTarget.Coefficients at = target.at(i);
        assertEquals(start, SCHEDULE.timeInput(at.time()), "what the student is told");
        double first = teacher(z, SCHEDULE.timeInput(at.time()));
        double atMid = at.toMid().onZ() * z + at.toMid().onOutput() * first;
        double second = teacher(atMid, SCHEDULE.timeInput(at.midTime()));
        double v = at.onZ() * z + at.onFirst() * first + at.onSecond() * second;
        assertEquals(landing, ddim(z, v, start, end), 1e-12, i + " of " + n);
      }
    }
  }

  @Test
  void oneEncoderStepLandsWhereTwoTeacherStepsLand() {
    for (int n : new int[] {1, 4, 16, 256}) {
      DistillationTarget target = DistillationTarget.encoder(SCHEDULE, TimeGrid.UNIFORM, n);
      for (int i = 0; i < n; i++) {
        int start = level((double) i / n);
        int mid = level((i + 0.5) / n);
        int end = level((i + 1.0) / n);
        double z = 0.37;
        // At the image itself the network is told of the first level.
        double first = teacher(z, Math.max(start, 0));
        double atMid = ddim(z, first, start, mid);
        double landing = ddim(atMid, teacher(atMid, mid), mid, end);
        DistillationTarget.Coefficients at = target.at(i);
        assertEquals(Math.max(start, 0), SCHEDULE.timeInput(at.time()));
        assertEquals(mid, SCHEDULE.timeInput(at.midTime()));
        double reached = at.toMid().onZ() * z + at.toMid().onOutput() * first;
        double v = at.onZ() * z + at.onFirst() * first + at.onSecond() * teacher(reached, mid);
        assertEquals(landing, ddim(z, v, start, end), 1e-12, i + " of " + n);
      }
    }
  }

  @Test
  void theFinestChainForgivesRoundedPredictions() {
    DistillationTarget target = DistillationTarget.deterministic(SCHEDULE, TimeGrid.UNIFORM, 256);
    for (int i = 1; i <= 256; i++) {
      DistillationTarget.Coefficients at = target.at(i);
      double size = Math.abs(at.onZ()) + Math.abs(at.onFirst()) + Math.abs(at.onSecond());
      assertTrue(size < 1.1, "coefficients amplify rounding by " + size);
    }
  }

  @Test
  void aNoiseEndChangesTheLastLevelAlone() {
    DiscreteSchedule ending = SCHEDULE.withNoiseEnd();
    assertEquals(0, ending.alpha(1));
    assertEquals(1, ending.sigma(1));
    assertEquals(Math.PI / 2, ending.angle(1));
    assertEquals(LAST, ending.timeInput(1));
    for (int level = 0; level < LAST; level++) {
      assertEquals(SCHEDULE.alphaBar(level), ending.alphaBar(level));
    }
    // The student of one step: from noise alone, the image is -v, wherever its teacher lands.
    DistillationTarget.Coefficients at =
        DistillationTarget.deterministic(ending, TimeGrid.UNIFORM, 1).at(1);
    double noise = -0.8;
    double first = teacher(noise, LAST);
    double turn = Math.PI / 2 - SCHEDULE.angle(0.5);
    double mid = Math.cos(turn) * noise - Math.sin(turn) * first;
    double image = ddim(mid, teacher(mid, 499), 499, -1);
    double atMid = at.toMid().onZ() * noise + at.toMid().onOutput() * first;
    double v = at.onZ() * noise + at.onFirst() * first + at.onSecond() * teacher(atMid, 499);
    assertEquals(image, -v, 1e-12);
  }
}
