package org.halfstep.diffusion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** Schedules beside the truncated cosine, and EDM's preconditioning, against their papers. */
class NamedSchedulesTest {
  private static final double CLOSE = 1e-12;

  @Test
  void aShiftMovesTheLogSnrAndNothingElse() {
    NoiseSchedule plain = new NoiseSchedule.TruncatedCosine(20);
    double shift = NoiseSchedule.ShiftedCosine.shiftFor(256);
    assertEquals(2 * Math.log(64.0 / 256), shift, CLOSE);
    NoiseSchedule shifted = new NoiseSchedule.ShiftedCosine(20, shift);
    for (double t = 0; t <= 1; t += 0.05) {
      double alpha = shifted.alpha(t);
      double sigma = shifted.sigma(t);
      assertEquals(1, alpha * alpha + sigma * sigma, CLOSE);
      assertEquals(plain.logSnr(t) + shift, shifted.logSnr(t), CLOSE);
      assertEquals(shifted.logSnr(t), 2 * Math.log(alpha / sigma), 1e-6);
      assertEquals(Math.sin(shifted.angle(t)), sigma, CLOSE);
    }
    assertEquals(0, NoiseSchedule.ShiftedCosine.shiftFor(64), 0);
  }

  /** Nichol and Dhariwal's equation 17, as their code has it. */
  @Test
  void cosineLevelsAreThePublishedOnes() {
    DiscreteSchedule schedule = DiscreteSchedule.of(Betas.COSINE);
    double product = 1;
    for (int u = 0; u < 1000; u++) {
      double before = Math.pow(Math.cos((u / 1000.0 + 0.008) / 1.008 * Math.PI / 2), 2);
      double after = Math.pow(Math.cos(((u + 1) / 1000.0 + 0.008) / 1.008 * Math.PI / 2), 2);
      product *= 1 - Math.min(1 - after / before, 0.999);
      assertEquals(product, schedule.alphaBar(u), 1e-14);
    }
    assertTrue(schedule.alphaBar(999) < 1e-8);
    assertEquals(999, schedule.timeInput(1), 0);
  }

  /** Karras et al. (2022), equations 5 and 7 and table 1. */
  @Test
  void edmsPreconditioningIsAVelocityOfScaledData() {
    double data = 0.5;
    NoiseSchedule.Karras schedule = new NoiseSchedule.Karras(0.002, 80, data);
    for (int i = 0; i <= 18; i++) {
      double t = 1 - i / 18.0;
      double root =
          Math.pow(80, 1 / 7.0) + i / 18.0 * (Math.pow(0.002, 1 / 7.0) - Math.pow(80, 1 / 7.0));
      double sigma = Math.pow(root, 7);
      assertEquals(sigma, schedule.noise(t), 1e-9 * sigma);
      assertEquals(1000 * Math.log(sigma) / 4, schedule.timeInput(t), 1e-6);
      double noisy = 1.75;
      double output = -0.625;
      double norm = Math.sqrt(sigma * sigma + data * data);
      double input = noisy / norm;
      double denoised = data * data / (norm * norm) * noisy + sigma * data / norm * output;
      double alpha = schedule.alpha(t);
      double deviation = schedule.sigma(t);
      // z is what the network reads: alpha / data times the noisy image.
      assertEquals(input, alpha / data * noisy, 1e-9);
      LinearMap toImage = Parameterization.EDM.to(Parameterization.X, alpha, deviation);
      assertEquals(denoised, data * (toImage.onZ() * input + toImage.onOutput() * output), 1e-9);
    }
  }

  @Test
  void edmConvertsBothWays() {
    double alpha = 0.6;
    double sigma = 0.8;
    for (Parameterization other : Parameterization.values()) {
      LinearMap there = Parameterization.EDM.to(other, alpha, sigma);
      LinearMap back = other.to(Parameterization.EDM, alpha, sigma);
      double z = 0.3;
      double output = -1.2;
      double made = there.onZ() * z + there.onOutput() * output;
      assertEquals(output, back.onZ() * z + back.onOutput() * made, CLOSE, other.name());
    }
  }

  @Test
  void whatNoScheduleHasIsRefused() {
    assertThrows(
        IllegalArgumentException.class,
        () -> new ContinuousNoise(ContinuousNoise.Kind.KARRAS, null, 80.0, 0.002, 0.5));
    assertThrows(
        IllegalArgumentException.class,
        () -> new ContinuousNoise(ContinuousNoise.Kind.SHIFTED_COSINE, null, null, null, null));
    assertThrows(
        IllegalArgumentException.class,
        () ->
            new ContinuousNoise(ContinuousNoise.Kind.SHIFTED_COSINE, Double.NaN, null, null, null));
  }
}
