package org.halfstep.diffusion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleBinaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SamplingScheduleTest {
  private static final NoiseSchedule SCHEDULE =
      new NoiseSchedule.TruncatedCosine(NoiseSchedule.MAX_LOG_SNR);
  private static final Gaussian GAUSSIAN = new Gaussian(SCHEDULE, 0.5);

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 8, 16})
  void stochasticSamplerEvaluatesNTimesAndAddsNoiseOneTimeFewer(int n) {
    List<SamplingStep> steps =
        SamplingSchedule.of(Solver.STOCHASTIC, SCHEDULE, TimeGrid.UNIFORM, n).steps();
    assertEquals(n, steps.size());
    for (int k = 0; k < n; k++) {
      assertEquals((double) (n - k) / n, steps.get(k).time());
      assertEquals(k < n - 1, steps.get(k).noise() > 0);
      assertEquals(k < n - 1 ? steps.get(k + 1).time() : 0, steps.get(k).nextTime());
    }
    assertTrue(steps.getLast().last());
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 8, 64})
  void stochasticSamplerKeepsTheVarianceOfAGaussian(int n) {
    // With a network that jumps along the exact flow, every z has the variance of the forward
    // process at its time.
    List<SamplingStep> steps =
        SamplingSchedule.of(Solver.STOCHASTIC, SCHEDULE, TimeGrid.UNIFORM, n).steps();
    for (int k = 0; k < n - 1; k++) {
      SamplingStep step = steps.get(k);
      double landing = (double) (n - k - 2) / n;
      double delta = SCHEDULE.pathAngle(step.time()) - SCHEDULE.pathAngle(landing);
      LinearMap inverse = DdimStep.inverse(delta);
      double vPerZ = inverse.onZ() + inverse.onOutput() * GAUSSIAN.flow(step.time(), landing);
      double zPerZ = step.toNext().onZ() + step.toNext().onOutput() * vPerZ;
      double variance =
          Math.pow(zPerZ * GAUSSIAN.deviation(step.time()), 2) + Math.pow(step.noise(), 2);
      assertEquals(Math.pow(GAUSSIAN.deviation(step.nextTime()), 2), variance, 1e-13);
    }
  }

  @Test
  void secondToLastStochasticJumpReachesTheDataAndItsNoiseIsFresh() {
    SamplingStep step =
        SamplingSchedule.of(Solver.STOCHASTIC, SCHEDULE, TimeGrid.UNIFORM, 4).steps().get(2);
    assertEquals(0.5, step.time());
    assertEquals(0.25, step.nextTime());
    // x_hat = alpha z - sigma v, then alpha(1/4) x_hat + sigma(1/4) eps.
    assertEquals(SCHEDULE.alpha(0.25) * SCHEDULE.alpha(0.5), step.toNext().onZ(), 1e-14);
    assertEquals(-SCHEDULE.alpha(0.25) * SCHEDULE.sigma(0.5), step.toNext().onOutput(), 1e-14);
    assertEquals(SCHEDULE.sigma(0.25), step.noise(), 1e-14);
  }

  @Test
  void forwardKernelComposes() {
    for (double b : new double[] {0, 0.001, 0.3, 0.74}) {
      for (double a : new double[] {0.75, 0.9, 1}) {
        ForwardStep step = ForwardStep.between(SCHEDULE, b, a);
        double sigmaB = Math.sin(SCHEDULE.pathAngle(b));
        double variance = Math.pow(step.scale() * sigmaB, 2) + Math.pow(step.noise(), 2);
        assertEquals(Math.pow(SCHEDULE.sigma(a), 2), variance, 1e-14);
        if (b > 0) {
          double ratio = Math.exp(SCHEDULE.logSnr(a) - SCHEDULE.logSnr(b));
          assertEquals(
              (1 - ratio) * Math.pow(SCHEDULE.sigma(a), 2), Math.pow(step.noise(), 2), 1e-13);
        }
      }
    }
    assertThrows(IllegalArgumentException.class, () -> ForwardStep.between(SCHEDULE, 0.5, 0.4));
  }

  @Test
  void ddimStepEqualsItsPublishedForm() {
    for (double t : new double[] {1, 0.5, 0.125}) {
      double s = t - 0.125;
      SamplingStep step = DdimStep.between(SCHEDULE, t, s);
      double alphaS = Math.cos(SCHEDULE.pathAngle(s));
      double sigmaS = Math.sin(SCHEDULE.pathAngle(s));
      double x = -0.8;
      double z = 0.3;
      double eps = (z - SCHEDULE.alpha(t) * x) / SCHEDULE.sigma(t);
      LinearMap map = step.toNextFromX();
      assertEquals(alphaS * x + sigmaS * eps, map.onZ() * z + map.onOutput() * x, 1e-14);
    }
  }

  @Test
  void lastStepReturnsThePredictedImageItself() {
    for (SamplingSchedule sampler :
        List.of(
            SamplingSchedule.of(Solver.DDIM, SCHEDULE, TimeGrid.UNIFORM, 4),
            SamplingSchedule.of(Solver.STOCHASTIC, SCHEDULE, TimeGrid.UNIFORM, 4),
            SamplingSchedule.ancestral(SCHEDULE, TimeGrid.UNIFORM.times(SCHEDULE, 4), 0),
            SamplingSchedule.ancestral(SCHEDULE, TimeGrid.UNIFORM.times(SCHEDULE, 4), 1))) {
      SamplingStep last = sampler.steps().getLast();
      assertEquals(0.25, last.time());
      assertEquals(SCHEDULE.alpha(0.25), last.toNext().onZ(), 1e-15);
      assertEquals(-SCHEDULE.sigma(0.25), last.toNext().onOutput(), 1e-15);
      assertEquals(LinearMap.TAKE_OUTPUT, last.toNextFromX());
      assertEquals(0, last.noise());
      assertEquals(4, sampler.steps().size());
    }
  }

  @Test
  void ancestralStepWithTheSmallVarianceIsTheExactPosterior() {
    // For data at a single point x the marginal at s must come out: mean alpha_s x, variance
    // sigma_s^2.
    double x = 0.7;
    double t = 1;
    double s = 0.6;
    SamplingStep step = AncestralStep.between(SCHEDULE, t, s, 0);
    LinearMap map = step.toNextFromX();
    double mean = map.onZ() * SCHEDULE.alpha(t) * x + map.onOutput() * x;
    double variance = Math.pow(map.onZ() * SCHEDULE.sigma(t), 2) + Math.pow(step.noise(), 2);
    assertEquals(SCHEDULE.alpha(s) * x, mean, 1e-13);
    assertEquals(Math.pow(SCHEDULE.sigma(s), 2), variance, 1e-13);
  }

  @Test
  void ancestralVarianceIsInterpolatedInTheLogarithm() {
    double t = 0.7;
    double s = 0.4;
    double r = Math.exp(SCHEDULE.logSnr(t) - SCHEDULE.logSnr(s));
    double small = (1 - r) * Math.pow(SCHEDULE.sigma(s), 2);
    double large = (1 - r) * Math.pow(SCHEDULE.sigma(t), 2);
    for (double f : new double[] {0, 0.25, 1}) {
      double noise = AncestralStep.between(SCHEDULE, t, s, f).noise();
      assertEquals(Math.exp((1 - f) * Math.log(small) + f * Math.log(large)), noise * noise, 1e-14);
    }
    LinearMap map = AncestralStep.between(SCHEDULE, t, s, 0).toNextFromX();
    assertEquals(r * SCHEDULE.alpha(s) / SCHEDULE.alpha(t), map.onZ(), 1e-13);
    assertEquals((1 - r) * SCHEDULE.alpha(s), map.onOutput(), 1e-13);
    assertThrows(
        IllegalArgumentException.class, () -> AncestralStep.between(SCHEDULE, 0.4, 0.7, 0));
    assertThrows(
        IllegalArgumentException.class, () -> AncestralStep.between(SCHEDULE, 0.7, 0.4, 2));
  }

  @Test
  void encodeThenDecodeReturnsTheInputUpToOneOverN() {
    double coarse = encodeDecodeError(256);
    double fine = encodeDecodeError(512);
    assertTrue(coarse < 0.02, "error " + coarse);
    assertEquals(2, coarse / fine, 0.05);
  }

  private static double encodeDecodeError(int n) {
    double z = 0.9;
    for (SamplingStep step : SamplingSchedule.encode(SCHEDULE, n).steps()) {
      z *= step.toNext().onZ() + step.toNext().onOutput() * GAUSSIAN.vPerZ(step.time());
    }
    for (SamplingStep step :
        SamplingSchedule.of(Solver.DDIM, SCHEDULE, TimeGrid.UNIFORM, n).steps()) {
      z *= step.toNext().onZ() + step.toNext().onOutput() * GAUSSIAN.vPerZ(step.time());
    }
    return Math.abs(z - 0.9);
  }

  /** Follows a path where the network is a function of z and time, with what steps keep. */
  private static double follow(SamplingSchedule path, DoubleBinaryOperator network, double z) {
    List<Double> kept = new ArrayList<>();
    for (SamplingStep step : path.steps()) {
      double v = network.applyAsDouble(z, step.time());
      double image = step.toX().onZ() * z + step.toX().onOutput() * v;
      z = step.toNext().onZ() * z + step.toNext().onOutput() * v;
      List<Double> onPrevious = step.history().onPrevious();
      for (int i = 0; i < onPrevious.size(); i++) {
        z += onPrevious.get(i) * kept.get(kept.size() - 1 - i);
      }
      if (step.history().keeps()) {
        kept.add(image);
      }
    }
    return z;
  }

  @Test
  void heunIsOfSecondOrder() {
    DoubleBinaryOperator network = (z, t) -> GAUSSIAN.vPerZ(t) * z;
    double exact =
        follow(SamplingSchedule.of(Solver.HEUN, SCHEDULE, TimeGrid.UNIFORM, 4096), network, 1);
    double[] errors = new double[3];
    for (int i = 0; i < errors.length; i++) {
      SamplingSchedule path = SamplingSchedule.of(Solver.HEUN, SCHEDULE, TimeGrid.UNIFORM, 32 << i);
      assertEquals(Solver.HEUN.evaluations(32 << i), path.steps().size());
      errors[i] = Math.abs(follow(path, network, 1) - exact);
    }
    assertEquals(4, errors[0] / errors[1], 0.6);
    assertEquals(4, errors[1] / errors[2], 0.4);
    double first =
        Math.abs(
            follow(SamplingSchedule.of(Solver.DDIM, SCHEDULE, TimeGrid.UNIFORM, 64), network, 1)
                - exact);
    assertTrue(errors[0] < first / 4, errors[0] + " with as many evaluations as DDIM's " + first);
  }

  @Test
  void heunIsExactWhereTheImageDoesNotChange() {
    double image = -0.6;
    DoubleBinaryOperator network = (z, t) -> (SCHEDULE.alpha(t) * z - image) / SCHEDULE.sigma(t);
    for (int n : new int[] {1, 2, 5}) {
      SamplingSchedule path = SamplingSchedule.of(Solver.HEUN, SCHEDULE, TimeGrid.UNIFORM, n);
      double z = 0.8;
      for (int i = 0; i < path.steps().size() - 1; i++) {
        z = follow(new SamplingSchedule(path.steps().subList(0, i + 1)), network, 0.8);
        double s = path.steps().get(i).nextTime();
        double eps = (0.8 - SCHEDULE.alpha(1) * image) / SCHEDULE.sigma(1);
        assertEquals(SCHEDULE.alpha(s) * image + SCHEDULE.sigma(s) * eps, z, 1e-12);
      }
      assertEquals(image, follow(path, network, 0.8), 1e-12);
    }
  }

  @Test
  void stepsWithinABudgetOfEvaluations() {
    assertEquals(8, Solver.DDIM.stepsWithin(8));
    assertEquals(7, Solver.PNDM.stepsWithin(8));
    assertEquals(4, Solver.HEUN.stepsWithin(8));
    assertEquals(8, Solver.HEUN.stepsWithin(16));
    assertEquals(1, Solver.HEUN.stepsWithin(1));
    assertEquals(1, Solver.HEUN.stepsWithin(2));
  }

  @Test
  void partialStartKeepsTheGrid() {
    SamplingSchedule sampler =
        SamplingSchedule.ofLast(Solver.DDIM, SCHEDULE, TimeGrid.UNIFORM, 4, 3);
    assertEquals(3, sampler.steps().size());
    assertEquals(0.75, sampler.steps().getFirst().time());
    assertFalse(sampler.steps().getFirst().last());
    assertThrows(
        IllegalArgumentException.class,
        () -> SamplingSchedule.ofLast(Solver.DDIM, SCHEDULE, TimeGrid.UNIFORM, 4, 5));
    assertThrows(
        IllegalArgumentException.class,
        () -> SamplingSchedule.of(Solver.DDIM, SCHEDULE, TimeGrid.UNIFORM, 0));
  }

  @Test
  void encodingStartsFromTheImageAndHasNoFormInX() {
    SamplingStep first = SamplingSchedule.encode(SCHEDULE, 8).steps().getFirst();
    assertEquals(0, first.time());
    assertEquals(1, first.alpha());
    assertEquals(0, first.sigma());
    assertThrows(IllegalStateException.class, first::toNextFromX);
  }
}
