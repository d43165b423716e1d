package org.halfstep.diffusion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.function.DoubleBinaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DistillationTargetTest {
  private static final NoiseSchedule SCHEDULE =
      new NoiseSchedule.TruncatedCosine(NoiseSchedule.MAX_LOG_SNR);
  private static final Gaussian GAUSSIAN = new Gaussian(SCHEDULE, 0.5);

  /** A teacher that is not linear in z, so that no identity holds by accident: v(z, t). */
  private static final DoubleBinaryOperator TEACHER = (z, t) -> Math.sin(3 * z) + t * z - 0.4;

  private static double target(
      DistillationTarget.Coefficients at, DoubleBinaryOperator teacher, double z) {
    double first = teacher.applyAsDouble(z, at.time());
    double mid = at.toMid().onZ() * z + at.toMid().onOutput() * first;
    double second = teacher.applyAsDouble(mid, at.midTime());
    double[] result = new double[1];
    at.apply(new double[] {z}, new double[] {first}, new double[] {second}, result);
    return result[0];
  }

  private static double step(double z, double v, double from, double to) {
    LinearMap map = DdimStep.between(SCHEDULE, from, to).toNext();
    return map.onZ() * z + map.onOutput() * v;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 8, 512})
  void oneStudentStepLandsWhereTwoTeacherStepsLandInEveryChain(int n) {
    for (DistillationTarget chain :
        List.of(
            DistillationTarget.deterministic(SCHEDULE, TimeGrid.UNIFORM, n),
            DistillationTarget.stochastic(SCHEDULE, TimeGrid.UNIFORM, n),
            DistillationTarget.encoder(SCHEDULE, TimeGrid.UNIFORM, n))) {
      for (int i = chain.firstIndex(); i < chain.firstIndex() + n; i++) {
        DistillationTarget.Coefficients at = chain.at(i);
        double z = 0.37;
        double v = TEACHER.applyAsDouble(z, at.time());
        double end;
        if (at.onSecond() == 0) {
          end = step(z, v, at.time(), at.endTime());
        } else {
          double mid = step(z, v, at.time(), at.midTime());
          end = step(mid, TEACHER.applyAsDouble(mid, at.midTime()), at.midTime(), at.endTime());
        }
        double landed = step(z, target(at, TEACHER, z), at.time(), at.endTime());
        assertEquals(end, landed, 1e-14, chain.chain() + " " + i + " of " + n);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4, 64})
  void equalsThePublishedQuotientInX(int n) {
    DistillationTarget chain = DistillationTarget.deterministic(SCHEDULE, TimeGrid.UNIFORM, n);
    for (int i = 2; i <= n; i++) {
      DistillationTarget.Coefficients at = chain.at(i);
      double z = -0.6;
      double mid = step(z, TEACHER.applyAsDouble(z, at.time()), at.time(), at.midTime());
      double end = step(mid, TEACHER.applyAsDouble(mid, at.midTime()), at.midTime(), at.endTime());
      double ratio = SCHEDULE.sigma(at.endTime()) / SCHEDULE.sigma(at.time());
      double denominator = SCHEDULE.alpha(at.endTime()) - ratio * SCHEDULE.alpha(at.time());
      double delta = SCHEDULE.angle(at.time()) - SCHEDULE.angle(at.endTime());
      assertEquals(Math.sin(delta) / SCHEDULE.sigma(at.time()), denominator, 1e-14);
      double x = (end - ratio * z) / denominator;
      assertEquals(x, at.alpha() * z - at.sigma() * target(at, TEACHER, z), 1e-11);
    }
  }

  @Test
  void inverseStepUndoesARotationInBothDirections() {
    for (double delta : new double[] {0.7, 0.01, -0.3}) {
      LinearMap rotation = DdimStep.rotation(delta);
      double z = 0.2;
      double landed = rotation.onZ() * z + rotation.onOutput() * 1.7;
      LinearMap inverse = DdimStep.inverse(delta);
      assertEquals(1.7, inverse.onZ() * z + inverse.onOutput() * landed, 1e-12);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 16})
  void firstIndexTakesTheTeachersImageAtTheMidpoint(int n) {
    DistillationTarget.Coefficients at =
        DistillationTarget.deterministic(SCHEDULE, TimeGrid.UNIFORM, n).at(1);
    double z = 0.8;
    double mid = step(z, TEACHER.applyAsDouble(z, at.time()), at.time(), at.midTime());
    double x =
        SCHEDULE.alpha(at.midTime()) * mid
            - SCHEDULE.sigma(at.midTime()) * TEACHER.applyAsDouble(mid, at.midTime());
    assertEquals(x, at.alpha() * z - at.sigma() * target(at, TEACHER, z), 1e-13);
  }

  @Test
  void constantImagePredictionIsItsOwnTarget() {
    // A teacher that always predicts the same x: two steps run along one chord, and the student
    // must predict that x too.
    double x = -0.35;
    DoubleBinaryOperator teacher = (z, t) -> (SCHEDULE.alpha(t) * z - x) / SCHEDULE.sigma(t);
    for (int n : new int[] {1, 2, 8, 512}) {
      DistillationTarget chain = DistillationTarget.deterministic(SCHEDULE, TimeGrid.UNIFORM, n);
      for (int i = 1; i <= n; i++) {
        DistillationTarget.Coefficients at = chain.at(i);
        double v = target(at, teacher, 0.9);
        assertEquals(teacher.applyAsDouble(0.9, at.time()), v, 1e-10, i + " of " + n);
      }
    }
  }

  @Test
  void exactFlowOfAGaussianHasTheClosedFormTarget() {
    // If the teacher's two steps follow the exact flow, the student's v is the chord of the flow,
    // also as a composition.
    for (int n : new int[] {1, 2, 8}) {
      DistillationTarget chain = DistillationTarget.deterministic(SCHEDULE, TimeGrid.UNIFORM, n);
      for (int i = 1; i <= n; i++) {
        DistillationTarget.Coefficients at = chain.at(i);
        double z = 1.3;
        double first = chord(at.time(), at.midTime(), z);
        double mid = GAUSSIAN.flow(at.time(), at.midTime()) * z;
        double second = chord(at.midTime(), at.endTime(), mid);
        double got = at.onZ() * z + at.onFirst() * first + at.onSecond() * second;
        assertEquals(chord(at.time(), at.endTime(), z), got, 1e-13);
      }
    }
  }

  /** The v whose DDIM step from time t to time r is the exact flow. */
  private static double chord(double t, double r, double z) {
    LinearMap inverse = DdimStep.inverse(SCHEDULE.pathAngle(t) - SCHEDULE.pathAngle(r));
    return inverse.onZ() * z + inverse.onOutput() * GAUSSIAN.flow(t, r) * z;
  }

  @Test
  void twoHalfStepsConvergeToTheFlowOfAGaussian() {
    double coarse = largestError(32);
    double fine = largestError(64);
    assertTrue(coarse < 0.05, "error " + coarse);
    assertEquals(2, coarse / fine, 0.3);
  }

  private static double largestError(int n) {
    DistillationTarget chain = DistillationTarget.deterministic(SCHEDULE, TimeGrid.UNIFORM, n);
    double worst = 0;
    for (int i = 1; i <= n; i++) {
      DistillationTarget.Coefficients at = chain.at(i);
      double got = target(at, (z, t) -> GAUSSIAN.vPerZ(t) * z, 1);
      worst = Math.max(worst, Math.abs(got - chord(at.time(), at.endTime(), 1)));
    }
    return worst;
  }

  @Test
  void stochasticStudentStepsTwoIntervalsExceptAtTheEdge() {
    DistillationTarget chain = DistillationTarget.stochastic(SCHEDULE, TimeGrid.UNIFORM, 4);
    assertEquals(0.5, chain.at(4).endTime());
    assertEquals(0.75, chain.at(4).midTime());
    assertEquals(0, chain.at(2).endTime());
    DistillationTarget.Coefficients edge = chain.at(1);
    assertEquals(0.25, edge.time());
    assertEquals(0, edge.endTime());
    assertEquals(TEACHER.applyAsDouble(0.3, 0.25), target(edge, TEACHER, 0.3));
    // One step only: the edge alone.
    assertEquals(
        TEACHER.applyAsDouble(0.3, 1),
        target(DistillationTarget.stochastic(SCHEDULE, TimeGrid.UNIFORM, 1).at(1), TEACHER, 0.3));
  }

  @Test
  void encoderRunsTowardsNoiseFromTheImageItself() {
    DistillationTarget chain = DistillationTarget.encoder(SCHEDULE, TimeGrid.UNIFORM, 4);
    assertEquals(0, chain.firstIndex());
    DistillationTarget.Coefficients start = chain.at(0);
    assertEquals(0, start.time());
    assertEquals(0.125, start.midTime());
    assertEquals(0.25, start.endTime());
    assertEquals(1, start.alpha());
    assertEquals(0, start.sigma());
    assertEquals(1, chain.at(3).endTime());
    // The image alone does not decide the target: the teacher's predictions carry weight at time 0.
    assertEquals(1, start.onFirst() + start.onSecond(), 0.05);
  }

  @Test
  void float32PredictionsSufficeAtManySteps() {
    // The plain quotient divides the rounding error of z_end by sin(delta), here by 326 at N = 512.
    DistillationTarget.Coefficients at =
        DistillationTarget.deterministic(SCHEDULE, TimeGrid.UNIFORM, 512).at(300);
    double size = Math.abs(at.onZ()) + Math.abs(at.onFirst()) + Math.abs(at.onSecond());
    assertTrue(size < 1.01, "coefficients amplify rounding by " + size);
  }

  @Test
  void refusesIndicesOutsideTheGrid() {
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> DistillationTarget.deterministic(SCHEDULE, TimeGrid.UNIFORM, 4).at(0));
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> DistillationTarget.encoder(SCHEDULE, TimeGrid.UNIFORM, 4).at(4));
    assertThrows(
        IllegalArgumentException.class,
        () -> DistillationTarget.deterministic(SCHEDULE, TimeGrid.UNIFORM, 0));
  }
}
