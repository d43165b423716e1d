package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The loss is that of its definition, and its gradients are those of differences. */
class ContrastiveLossTest {
  private static final int ROWS = 5;
  private static final int WIDTH = 3;
  private static final int STRIDE = 2 * WIDTH + 1;
  private static final int[] DIFFERENT = {0, 1, 2, 3, 4};
  private static final int[] REPEATED = {7, 1, 7, 3, 1};

  private static float[] random(long seed, float learned) {
    Random random = new Random(seed);
    float[] out = new float[ROWS * STRIDE];
    for (int i = 0; i < out.length; i++) {
      out[i] = i % STRIDE == STRIDE - 1 ? learned : (float) random.nextGaussian();
    }
    return out;
  }

  private static double loss(float[] out, float[] gradient, int... captions) {
    return new ContrastiveLoss(ROWS, WIDTH)
        .compute(MemorySegment.ofArray(out), MemorySegment.ofArray(gradient), captions);
  }

  /** As the formula stands. */
  private static double plain(double[] out, int... captions) {
    double scale = Math.exp(out[STRIDE - 1]) / 0.07;
    double sum = 0;
    for (int i = 0; i < ROWS; i++) {
      double byImage = 0;
      double byText = 0;
      for (int j = 0; j < ROWS; j++) {
        if (i == j || captions[i] != captions[j]) {
          byImage += Math.exp(scale * cosine(out, i, j));
          byText += Math.exp(scale * cosine(out, j, i));
        }
      }
      double own = scale * cosine(out, i, i);
      sum += Math.log(byImage) - own + Math.log(byText) - own;
    }
    return sum / (2 * ROWS);
  }

  private static double cosine(double[] out, int image, int text) {
    double product = 0;
    double a = 0;
    double b = 0;
    for (int d = 0; d < WIDTH; d++) {
      double x = out[image * STRIDE + d];
      double y = out[text * STRIDE + WIDTH + d];
      product += x * y;
      a += x * x;
      b += y * y;
    }
    return product / Math.sqrt(a * b);
  }

  private static double[] doubles(float... values) {
    double[] all = new double[values.length];
    for (int i = 0; i < all.length; i++) {
      all[i] = values[i];
    }
    return all;
  }

  private static void check(int... captions) {
    float[] out = random(3, -0.9f);
    float[] gradient = new float[out.length];
    double[] exact = doubles(out);
    assertEquals(plain(exact, captions), loss(out, gradient, captions), 1e-9);
    double h = 1e-5;
    double byScale = 0;
    for (int i = 0; i < out.length; i++) {
      if (i % STRIDE == STRIDE - 1) {
        byScale += gradient[i];
        continue;
      }
      double[] more = exact.clone();
      double[] less = exact.clone();
      more[i] += h;
      less[i] -= h;
      double difference = (plain(more, captions) - plain(less, captions)) / (2 * h);
      assertEquals(difference, gradient[i], 1e-6, "number " + i);
    }
    // The learned number is the same in every row.
    double[] more = exact.clone();
    double[] less = exact.clone();
    for (int row = 0; row < ROWS; row++) {
      more[row * STRIDE + STRIDE - 1] += h;
      less[row * STRIDE + STRIDE - 1] -= h;
    }
    assertEquals((plain(more, captions) - plain(less, captions)) / (2 * h), byScale, 1e-6);
    assertTrue(Math.abs(byScale) > 1e-3, "the gradient by the scale is " + byScale);
  }

  @Test
  void gradientsAreThoseOfDifferences() {
    check(DIFFERENT);
  }

  @Test
  void theSameTextDoesNotCountAgainstItself() {
    check(REPEATED);
    float[] out = random(3, -0.9f);
    float[] gradient = new float[out.length];
    assertTrue(loss(out, gradient, REPEATED) < loss(out, gradient, DIFFERENT));
    // Nothing but the own text is left: there is nothing to tell apart.
    assertEquals(0, loss(out, gradient, new int[ROWS]), 1e-12);
    for (float value : gradient) {
      assertEquals(0, value, 1e-7);
    }
  }

  @Test
  void theScaleIsBoundedAndMayFallAgain() {
    float beyond = (float) Math.log(101 * 0.07);
    float[] out = random(3, beyond);
    float[] gradient = new float[out.length];
    ContrastiveLoss loss = new ContrastiveLoss(ROWS, WIDTH);
    loss.compute(MemorySegment.ofArray(out), MemorySegment.ofArray(gradient), DIFFERENT);
    assertEquals(100, loss.scale());
    // Random pairs are wrong: a smaller scale is better.
    assertTrue(gradient[STRIDE - 1] > 0, "" + gradient[STRIDE - 1]);
    // Right pairs would have it grow.
    for (int row = 0; row < ROWS; row++) {
      System.arraycopy(out, row * STRIDE, out, row * STRIDE + WIDTH, WIDTH);
    }
    loss.compute(MemorySegment.ofArray(out), MemorySegment.ofArray(gradient), DIFFERENT);
    assertEquals(0, gradient[STRIDE - 1]);
    out = random(3, 0);
    loss.compute(MemorySegment.ofArray(out), MemorySegment.ofArray(gradient), DIFFERENT);
    assertEquals(1 / 0.07, loss.scale());
  }

  @Test
  void anEmbeddingOfZerosHasAFiniteLoss() {
    float[] out = random(3, 0);
    Arrays.fill(out, 0, WIDTH, 0);
    float[] gradient = new float[out.length];
    assertTrue(Double.isFinite(loss(out, gradient, DIFFERENT)));
    for (float value : gradient) {
      assertTrue(Float.isFinite(value));
    }
  }
}
