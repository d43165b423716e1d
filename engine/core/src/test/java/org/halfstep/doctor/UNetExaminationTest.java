package org.halfstep.doctor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.halfstep.checkpoint.SchedulerConfig;
import org.halfstep.diffusion.DiscreteSchedule;
import org.halfstep.doctor.Finding.Verdict;
import org.halfstep.random.Philox;
import org.junit.jupiter.api.Test;

/** Networks that know the answer pass; those that answer something else do not. */
class UNetExaminationTest {
  private static final int NUMBERS = 4096;

  private final List<Finding> findings = new ArrayList<>();
  private final float[] picture = new float[NUMBERS];

  UNetExaminationTest() {
    Philox.normal(5, 0, 0, picture);
  }

  private static SchedulerConfig scheduler(String prediction) {
    return SchedulerConfig.stableDiffusion(prediction, false);
  }

  private UNetExamination examination(String prediction) {
    return new UNetExamination(NUMBERS, scheduler(prediction), findings::add);
  }

  /** What a perfect network predicts that knows the picture: noise, or v. */
  private float[] perfect(float[] latent, double step, boolean isV) {
    DiscreteSchedule schedule = DiscreteSchedule.of(scheduler(SchedulerConfig.EPSILON).betas());
    double time = schedule.time((int) step);
    double alpha = schedule.alpha(time);
    double sigma = schedule.sigma(time);
    float[] answer = new float[NUMBERS];
    for (int i = 0; i < NUMBERS; i++) {
      double noise = (latent[i] - alpha * picture[i]) / sigma;
      answer[i] = (float) (isV ? alpha * noise - sigma * picture[i] : noise);
    }
    return answer;
  }

  private Verdict verdict(String question) {
    return findings.stream()
        .filter(finding -> finding.question().equals(question))
        .findFirst()
        .orElseThrow()
        .verdict();
  }

  @Test
  void aNetworkOfNoiseAnswersNoise() {
    examination(SchedulerConfig.EPSILON).prediction((latent, step) -> perfect(latent, step, false));
    assertEquals(Verdict.PASSED, verdict("UNet: predicts eps"));
  }

  @Test
  void aNetworkOfVelocityHardlySeesTheNoise() {
    examination(SchedulerConfig.VELOCITY).prediction((latent, step) -> perfect(latent, step, true));
    assertEquals(Verdict.PASSED, verdict("UNet: predicts v"));
  }

  @Test
  void aNetworkOfVelocityThatIsSaidToPredictNoiseIsUnusual() {
    examination(SchedulerConfig.EPSILON).prediction((latent, step) -> perfect(latent, step, true));
    assertEquals(Verdict.UNUSUAL, verdict("UNet: predicts eps"));
  }

  @Test
  void theRightStepHasTheLeastError() {
    for (boolean isV : new boolean[] {false, true}) {
      findings.clear();
      examination(isV ? SchedulerConfig.VELOCITY : SchedulerConfig.EPSILON)
          .noise((latent, step) -> perfect(latent, step, isV), picture);
      for (int level : new int[] {249, 499, 749}) {
        assertEquals(Verdict.PASSED, verdict("UNet: noise at step " + level), findings.toString());
      }
    }
  }

  @Test
  void aNetworkThatDoesNotKnowTheTimeIsUnusual() {
    examination(SchedulerConfig.EPSILON).noise((latent, _) -> perfect(latent, 499, false), picture);
    assertTrue(
        findings.stream().allMatch(finding -> finding.verdict() == Verdict.UNUSUAL),
        findings.toString());
  }

  @Test
  void branchesAreComparedBitForBit() {
    UNetExamination examination = examination(SchedulerConfig.EPSILON);
    UNetExamination.Answers same = (latent, _) -> latent;
    UNetExamination.Answers nearly =
        (latent, _) -> {
          float[] other = Arrays.copyOf(latent, latent.length);
          other[0] = Math.nextUp(other[0]);
          return other;
        };
    examination.guided(same, same, picture);
    assertEquals(Verdict.PASSED, findings.getFirst().verdict());
    examination.guided(same, nearly, picture);
    assertEquals(Verdict.FAILED, findings.getLast().verdict());
  }
}
