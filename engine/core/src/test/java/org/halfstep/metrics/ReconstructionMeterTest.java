package org.halfstep.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import org.halfstep.image.ImageBatch;
import org.junit.jupiter.api.Test;

/** PSNR and SSIM against known values and against sums written out. */
class ReconstructionMeterTest {
  private static final double C1 = 6.5025;
  private static final double C2 = 58.5225;

  private static byte[] noise(int count, int seed) {
    byte[] pixels = new byte[count];
    new Random(seed).nextBytes(pixels);
    return pixels;
  }

  @Test
  void signalToNoiseOfKnownErrors() {
    byte[] black = new byte[300];
    byte[] white = new byte[300];
    Arrays.fill(white, (byte) 255);
    assertEquals(0, ReconstructionMeter.signalToNoise(black, 0, white, 0, 300), 1e-12);
    byte[] grey = new byte[300];
    Arrays.fill(grey, (byte) 10);
    assertEquals(28.1308036, ReconstructionMeter.signalToNoise(black, 0, grey, 0, 300), 1e-6);
    byte[] one = black.clone();
    one[7] = 1;
    double least = ReconstructionMeter.signalToNoise(black, 0, one, 0, 300);
    assertEquals(least, ReconstructionMeter.signalToNoise(black, 0, black, 0, 300));
  }

  @Test
  void similarityOfKnownPictures() {
    byte[] picture = noise(20 * 15 * 3, 1);
    assertEquals(1, StructuralSimilarity.of(picture, 0, picture, 0, 20, 15, 3), 1e-12);
    byte[] dark = new byte[12 * 12];
    byte[] light = new byte[12 * 12];
    Arrays.fill(dark, (byte) 50);
    Arrays.fill(light, (byte) 200);
    // Without contrast only the means differ.
    double want = (2.0 * 50 * 200 + C1) / (50.0 * 50 + 200.0 * 200 + C1);
    assertEquals(want, StructuralSimilarity.of(dark, 0, light, 0, 12, 12, 1), 1e-9);
  }

  /** Every window by the definition: weighted means, variances and covariance about the means. */
  @Test
  void similarityIsThatOfTheDefinition() {
    int height = 17;
    int width = 14;
    byte[] a = noise(5 + height * width * 3, 1);
    byte[] b = noise(9 + height * width * 3, 2);
    for (int i = 0; i < height * width * 3; i += 2) {
      b[9 + i] = a[5 + i];
    }
    double[][] weights = new double[11][11];
    double total = 0;
    for (int i = 0; i < 11; i++) {
      for (int j = 0; j < 11; j++) {
        weights[i][j] = Math.exp(-((i - 5) * (i - 5) + (j - 5) * (j - 5)) / 4.5);
        total += weights[i][j];
      }
    }
    double sum = 0;
    for (int c = 0; c < 3; c++) {
      for (int top = 0; top + 11 <= height; top++) {
        for (int left = 0; left + 11 <= width; left++) {
          double[] m = new double[5];
          for (int pass = 0; pass < 2; pass++) {
            for (int i = 0; i < 11; i++) {
              for (int j = 0; j < 11; j++) {
                int at = ((top + i) * width + left + j) * 3 + c;
                double w = weights[i][j] / total;
                double x = a[5 + at] & 255;
                double y = b[9 + at] & 255;
                if (pass == 0) {
                  m[0] += w * x;
                  m[1] += w * y;
                } else {
                  m[2] += w * (x - m[0]) * (x - m[0]);
                  m[3] += w * (y - m[1]) * (y - m[1]);
                  m[4] += w * (x - m[0]) * (y - m[1]);
                }
              }
            }
          }
          sum +=
              (2 * m[0] * m[1] + C1)
                  * (2 * m[4] + C2)
                  / ((m[0] * m[0] + m[1] * m[1] + C1) * (m[2] + m[3] + C2));
        }
      }
    }
    double want = sum / (3 * (height - 10) * (width - 10));
    double got = StructuralSimilarity.of(a, 5, b, 9, height, width, 3);
    assertEquals(want, got, 1e-10);
    assertTrue(want < 0.9 && want > 0.1, "neither equal nor unrelated: " + want);
  }

  @Test
  void picturesAreAveraged() {
    ReconstructionMeter meter = new ReconstructionMeter();
    assertThrows(IllegalStateException.class, meter::result);
    byte[] both = noise(2 * 12 * 11 * 3, 3);
    byte[] made = both.clone();
    for (int i = 0; i < 12 * 11 * 3; i++) {
      made[i] = (byte) 0;
    }
    meter.add(new ImageBatch(2, 12, 11, 3, both), new ImageBatch(2, 12, 11, 3, made));
    int values = 12 * 11 * 3;
    ReconstructionMeter.Result result = meter.result();
    assertEquals(2, result.pictures());
    assertEquals(
        (ReconstructionMeter.signalToNoise(both, 0, made, 0, values)
                + ReconstructionMeter.signalToNoise(both, values, made, values, values))
            / 2,
        result.signalToNoise(),
        1e-12);
    assertEquals(
        (StructuralSimilarity.of(both, 0, made, 0, 12, 11, 3) + 1) / 2, result.similarity(), 1e-12);
    ImageBatch one = new ImageBatch(1, 12, 11, 3, new byte[values]);
    assertThrows(
        IllegalArgumentException.class, () -> meter.add(new ImageBatch(2, 12, 11, 3, both), one));
    assertThrows(
        IllegalArgumentException.class, () -> StructuralSimilarity.of(both, 0, made, 0, 10, 12, 3));
  }
}
