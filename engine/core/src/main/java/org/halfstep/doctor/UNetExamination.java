package org.halfstep.doctor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.Consumer;
import org.halfstep.checkpoint.SchedulerConfig;
import org.halfstep.diffusion.DiscreteSchedule;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.latent.FirstStage;
import org.halfstep.random.Philox;

/**
 * Whether the UNet predicts what its schedule says, knows the time of a latent, and finds the image
 * in the noise.
 */
final class UNetExamination {
  private static final int[] LEVELS = {249, 499, 749};
  private static final int EASY_LEVEL = LEVELS[0];
  private static final int NOISE_LEVEL = 999;
  private static final double EPS_COSINE = 0.9;
  private static final double V_COSINE = 0.5;
  private static final double MOST_ERROR = 0.6;
  private static final long SEED = 0;

  private final int numbers;
  private final Parameterization predicts;
  private final DiscreteSchedule schedule;
  private final Consumer<Finding> findings;

  /**
   * @param numbers of a latent
   */
  UNetExamination(int numbers, SchedulerConfig scheduler, Consumer<Finding> findings) {
    this.numbers = numbers;
    this.predicts = scheduler.parameterization();
    this.schedule = DiscreteSchedule.of(scheduler.betas());
    this.findings = findings;
  }

  /** A network under one condition. */
  @FunctionalInterface
  interface Answers {
    /**
     * Evaluates it.
     *
     * @param latent HWC
     * @param step from 0 to 999
     */
    float[] evaluate(float[] latent, double step);
  }

  /**
   * A noised latent and what the network answered.
   *
   * @param latent with the noise of the easiest step that is asked about
   * @param answer of the network
   */
  record Noised(float[] latent, float[] answer) {}

  /**
   * Asks what it predicts: at the last step a latent is nearly all noise, which a network that
   * predicts noise must answer, and one that predicts v hardly sees.
   *
   * @param answers under a condition that means nothing
   */
  void prediction(Answers answers) {
    if (predicts == Parameterization.X) {
      findings.accept(Finding.skipped("UNet: what it predicts", "it is said to predict the image"));
      return;
    }
    float[] noise = noise(0);
    double cosine = cosine(answers.evaluate(noise, NOISE_LEVEL), noise);
    boolean isV = predicts == Parameterization.V;
    findings.accept(
        Finding.estimated(
            "UNet: predicts " + predicts.name().toLowerCase(Locale.ROOT),
            isV ? cosine < V_COSINE : cosine > EPS_COSINE,
            String.format(Locale.ROOT, "cosine %.3f of answer and pure noise", cosine),
            isV ? "below " + V_COSINE + " for v" : "above " + EPS_COSINE + " for eps"));
  }

  /** Asks whether it finds the noise in a picture's latent, and best when told the right step. */
  Noised noise(Answers answers, float[] latent) {
    Noised easy = null;
    for (int level : LEVELS) {
      float[] noise = noise(level);
      float[] noised = noised(latent, noise, level);
      float[] found = answers.evaluate(noised, level);
      if (level == EASY_LEVEL) {
        easy = new Noised(noised, found);
      }
      error(answers, noised, noise, found, level);
    }
    return easy;
  }

  /** Asks whether a latent alone and beside another branch of guidance has the same answer. */
  void guided(Answers alone, Answers both, float[] latent) {
    boolean isSame =
        Arrays.equals(alone.evaluate(latent, EASY_LEVEL), both.evaluate(latent, EASY_LEVEL));
    findings.accept(
        Finding.certain(
            "UNet: guided with w = 0",
            isSame,
            isSame ? "bit for bit the conditional branch" : "not the conditional branch",
            "the conditional branch, bit for bit"));
  }

  private void error(Answers answers, float[] noised, float[] noise, float[] found, int level) {
    double right = error(noised, noise, found, level);
    double early = error(noised, noise, answers.evaluate(noised, 0), level);
    double late = error(noised, noise, answers.evaluate(noised, NOISE_LEVEL), level);
    findings.accept(
        Finding.estimated(
            "UNet: noise at step " + level,
            right < MOST_ERROR && right < early && right < late,
            String.format(
                Locale.ROOT,
                "mean squared error %.3f; told step 0 %.3f, step %d %.3f",
                right,
                early,
                NOISE_LEVEL,
                late),
            "below " + MOST_ERROR + ", and least when told the right step"));
  }

  /** Asks whether the image that one step finds is nearer to the picture than the latent was. */
  void oneStep(FirstStage stage, FirstStageExamination.Encoded encoded, Noised easy) {
    float[] noised = easy.latent();
    float[] answer = easy.answer();
    double time = schedule.time(EASY_LEVEL);
    double alpha = schedule.alpha(time);
    double sigma = schedule.sigma(time);
    double onZ = predicts.onZ(Parameterization.X, alpha, sigma);
    double onOutput = predicts.onOutput(Parameterization.X, alpha, sigma);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment before = arena.allocate(encoded.latent().byteSize(), Float.BYTES);
      MemorySegment after = arena.allocate(encoded.latent().byteSize(), Float.BYTES);
      for (int i = 0; i < noised.length; i++) {
        before.setAtIndex(ValueLayout.JAVA_FLOAT, i, noised[i]);
        after.setAtIndex(
            ValueLayout.JAVA_FLOAT, i, (float) (onZ * noised[i] + onOutput * answer[i]));
      }
      double noisy = FirstStageExamination.likeness(stage, encoded, before);
      double clean = FirstStageExamination.likeness(stage, encoded, after);
      findings.accept(
          Finding.estimated(
              "UNet: image in one step",
              clean > noisy,
              String.format(Locale.ROOT, "%.1f dB, the noised latent %.1f dB", clean, noisy),
              "nearer to the picture than the noised latent"));
    }
  }

  private double error(float[] noised, float[] noise, float[] answer, int level) {
    double time = schedule.time(level);
    double alpha = schedule.alpha(time);
    double sigma = schedule.sigma(time);
    double onZ = predicts.onZ(Parameterization.EPS, alpha, sigma);
    double onOutput = predicts.onOutput(Parameterization.EPS, alpha, sigma);
    double squares = 0;
    for (int i = 0; i < noise.length; i++) {
      double difference = onZ * noised[i] + onOutput * answer[i] - noise[i];
      squares += difference * difference;
    }
    return squares / noise.length;
  }

  private float[] noised(float[] latent, float[] noise, int level) {
    double time = schedule.time(level);
    float[] noised = new float[latent.length];
    for (int i = 0; i < noised.length; i++) {
      noised[i] = (float) (schedule.alpha(time) * latent[i] + schedule.sigma(time) * noise[i]);
    }
    return noised;
  }

  private float[] noise(int number) {
    float[] noise = new float[numbers];
    Philox.normal(SEED, number, 0, noise);
    return noise;
  }

  private static double cosine(float[] a, float[] b) {
    double dot = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < a.length; i++) {
      dot += (double) a[i] * b[i];
      aa += (double) a[i] * a[i];
      bb += (double) b[i] * b[i];
    }
    return dot / Math.sqrt(aa * bb);
  }
}
