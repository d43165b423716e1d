package org.halfstep.diffusion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/**
 * One test for each mistake that other implementations of progressive or guided distillation were
 * found to make.
 */
class KnownMistakesTest {
  private static final NoiseSchedule SCHEDULE =
      new NoiseSchedule.TruncatedCosine(NoiseSchedule.MAX_LOG_SNR);

  @Test
  void secondHalfStepsImageIsNotTheTargetButTheImageThatOneStudentStepNeeds() {
    DistillationTarget.Coefficients at =
        DistillationTarget.deterministic(SCHEDULE, TimeGrid.UNIFORM, 4).at(3);
    double z = 0.5;
    double first = 0.9;
    double second = -0.7;
    double mid = at.toMid().onZ() * z + at.toMid().onOutput() * first;
    LinearMap half = DdimStep.between(SCHEDULE, at.midTime(), at.endTime()).toNext();
    double end = half.onZ() * mid + half.onOutput() * second;
    double v = at.onZ() * z + at.onFirst() * first + at.onSecond() * second;

    LinearMap whole = DdimStep.between(SCHEDULE, at.time(), at.endTime()).toNextFromX();
    double x = at.alpha() * z - at.sigma() * v;
    double midImage = SCHEDULE.alpha(at.midTime()) * mid - SCHEDULE.sigma(at.midTime()) * second;
    assertEquals(end, whole.onZ() * z + whole.onOutput() * x, 1e-14);
    assertTrue(Math.abs(end - (whole.onZ() * z + whole.onOutput() * midImage)) > 0.05);
    assertTrue(Math.abs(x - midImage) > 0.05);
  }

  @Test
  void midTimeAndEndTimeAreNotSwapped() {
    for (int n : new int[] {1, 2, 8}) {
      for (int i = 1; i <= n; i++) {
        DistillationTarget.Coefficients at =
            DistillationTarget.deterministic(SCHEDULE, TimeGrid.UNIFORM, n).at(i);
        assertTrue(at.time() > at.midTime() && at.midTime() > at.endTime());
        assertEquals(at.time() - at.midTime(), at.midTime() - at.endTime(), 1e-15);
        DistillationTarget.Coefficients up =
            DistillationTarget.encoder(SCHEDULE, TimeGrid.UNIFORM, n).at(i - 1);
        assertTrue(up.time() < up.midTime() && up.midTime() < up.endTime());
      }
    }
  }

  @Test
  void timeIndicesOfStudentAndTeacherAgreeAtBothEdges() {
    // The student is trained at exactly the times at which its sampler evaluates it, over exactly
    // the sampler's steps; the
    // teacher's two evaluations are two consecutive steps of its own sampler with twice as many.
    for (int n : new int[] {1, 2, 4, 128}) {
      DistillationTarget chain = DistillationTarget.deterministic(SCHEDULE, TimeGrid.UNIFORM, n);
      List<SamplingStep> student =
          SamplingSchedule.of(Solver.DDIM, SCHEDULE, TimeGrid.UNIFORM, n).steps();
      List<SamplingStep> teacher =
          SamplingSchedule.of(Solver.DDIM, SCHEDULE, TimeGrid.UNIFORM, 2 * n).steps();
      for (int k = 0; k < n; k++) {
        DistillationTarget.Coefficients at = chain.at(n - k);
        assertEquals(student.get(k).time(), at.time());
        assertEquals(student.get(k).nextTime(), at.endTime());
        assertEquals(teacher.get(2 * k).time(), at.time());
        assertEquals(teacher.get(2 * k + 1).time(), at.midTime());
        assertEquals(teacher.get(2 * k + 1).nextTime(), at.endTime());
        assertEquals(teacher.get(2 * k).toNext(), at.toMid());
      }
      assertEquals(1, chain.at(n).time());
      assertEquals(0, chain.at(1).endTime());
    }
  }

  @Test
  void stochasticGridOfTrainingIsTheGridOfTheSampler() {
    for (int n : new int[] {1, 2, 8}) {
      DistillationTarget chain = DistillationTarget.stochastic(SCHEDULE, TimeGrid.UNIFORM, n);
      List<SamplingStep> sampler =
          SamplingSchedule.of(Solver.STOCHASTIC, SCHEDULE, TimeGrid.UNIFORM, n).steps();
      for (int k = 0; k < n; k++) {
        DistillationTarget.Coefficients at = chain.at(n - k);
        assertEquals(sampler.get(k).time(), at.time());
        LinearMap jump = DdimStep.between(SCHEDULE, at.time(), at.endTime()).toNext();
        double scale =
            k == n - 1
                ? 1
                : ForwardStep.between(SCHEDULE, at.endTime(), sampler.get(k).nextTime()).scale();
        assertEquals(jump.times(scale), sampler.get(k).toNext());
      }
    }
  }

  @Test
  void snrWeightActsOnceAndNotInsideTheSquare() {
    double alpha = Math.sqrt(0.9);
    double sigma = Math.sqrt(0.1);
    double snr = 9;
    double differenceInV = 0.2;
    double squaredErrorOfX = sigma * sigma * differenceInV * differenceInV;
    for (LossWeighting weighting : List.of(LossWeighting.SNR, LossWeighting.TRUNCATED_SNR)) {
      double loss =
          weighting.lossOfSquaredDistance(alpha, sigma, 1) * differenceInV * differenceInV;
      assertEquals(snr * squaredErrorOfX, loss, 1e-14);
    }
  }

  @Test
  void teacherPredictionsAreNotClippedInsideTheTarget() {
    // Predictions far outside the range of images: the target scales with them, which a clip
    // anywhere would break.
    DistillationTarget.Coefficients at =
        DistillationTarget.deterministic(SCHEDULE, TimeGrid.UNIFORM, 4).at(2);
    double[] small = new double[1];
    double[] large = new double[1];
    at.apply(new double[] {0.1}, new double[] {-0.3}, new double[] {0.2}, small);
    at.apply(new double[] {10}, new double[] {-30}, new double[] {20}, large);
    assertEquals(100 * small[0], large[0], 1e-12);
    GuidedTarget guided = GuidedTarget.of(Parameterization.V, 0.6, 0.8, 4);
    guided.apply(new double[] {0}, new double[] {-3}, new double[] {3}, large);
    assertEquals(-27, large[0], 1e-12);
  }

  @Test
  void everyExampleOfABatchHasItsOwnTimeAndGuidance() {
    ExampleDraws draws = new ExampleDraws(1);
    Set<Double> times = new HashSet<>();
    Set<Double> guidance = new HashSet<>();
    Set<Integer> indices = new HashSet<>();
    for (int example = 0; example < 64; example++) {
      times.add(draws.time(example));
      guidance.add(draws.guidance(example, GuidanceRange.STANDARD));
      indices.add(draws.gridIndex(example, 1, 8));
    }
    assertEquals(64, times.size());
    assertEquals(64, guidance.size());
    assertEquals(Set.of(1, 2, 3, 4, 5, 6, 7, 8), indices);
  }

  @Test
  void stageOneTargetIsOnePredictionAtTheSameNoiseLevelAndNotAFinishedImage() {
    // If both branches predict from the same x and eps, so does the target, at any noise level and
    // w.
    double x = 0.4;
    double eps = -1.1;
    for (double t : new double[] {0.02, 0.5, 1}) {
      double alpha = SCHEDULE.alpha(t);
      double sigma = SCHEDULE.sigma(t);
      double v = alpha * eps - sigma * x;
      GuidedTarget target = GuidedTarget.of(Parameterization.V, alpha, sigma, 3);
      double z = alpha * x + sigma * eps;
      double got = target.onZ() * z + target.onConditional() * v + target.onUnconditional() * v;
      assertEquals(v, got, 1e-14);
      assertEquals(0, target.onZ());
    }
  }

  @Test
  void studentOfOneStageIsTheTeacherOfTheNext() {
    HalvingSchedule halving = HalvingSchedule.of(256, 100, 1e-4);
    for (int i = 0; i < halving.stages(); i++) {
      HalvingSchedule.Stage stage = halving.stage(i);
      assertEquals(stage.teacherSteps(), 2 * stage.studentSteps());
      assertEquals(
          i == 0 ? 256 : halving.stage(i - 1).studentSteps(), stage.teacherSteps(), "stage " + i);
    }
  }

  @Test
  void learningRateReallyFallsToZeroInEachStageAndStartsAgainInTheNext() {
    HalvingSchedule halving = HalvingSchedule.of(8, 50, 1e-4);
    HalvingSchedule.Position position = HalvingSchedule.Position.START;
    while (!halving.finished(position)) {
      long updates = halving.stage(position.stage()).updates();
      double sum = 0;
      double previous = Double.POSITIVE_INFINITY;
      assertEquals(1e-4, halving.learningRate(position.stage()).at(position.update()));
      while (!halving.stageFinished(position)) {
        double rate = halving.learningRate(position.stage()).at(position.update());
        assertTrue(rate > 0 && rate < previous);
        previous = rate;
        sum += rate;
        position = halving.afterUpdate(position);
      }
      assertEquals(1e-4 / updates, previous, 1e-18);
      assertEquals(0, halving.learningRate(position.stage()).at(position.update()));
      assertEquals(1e-4 * (updates + 1) / 2, sum, 1e-12);
      position = halving.nextStage(position);
    }
  }

  @Test
  void stageOfAResumedRunIsStoredAndNotDerivedFromUpdateCounts() {
    HalvingSchedule planned = HalvingSchedule.of(64, 1000, 1e-4);
    HalvingSchedule.Position stored = new HalvingSchedule.Position(3, 10);
    assertEquals(4, planned.stage(stored.stage()).studentSteps());
    // The same checkpoint under a schedule with other update counts is in the same stage, with the
    // same student.
    HalvingSchedule changed = new HalvingSchedule(64, 1, 7, 5000, 4, 1e-4);
    assertEquals(4, changed.stage(stored.stage()).studentSteps());
    assertEquals(new HalvingSchedule.Position(3, 11), changed.afterUpdate(stored));
    assertNotEquals(planned.stage(3).updates(), changed.stage(3).updates());
  }
}
