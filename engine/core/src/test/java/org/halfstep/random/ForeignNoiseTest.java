package org.halfstep.random;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Against what PyTorch 1.13 and NumPy print. */
class ForeignNoiseTest {
  private static final float CLOSE = 1e-6f;

  private static float[] torch(TorchGenerator generator, int count) {
    float[] values = new float[count];
    generator.normal(values);
    return values;
  }

  @Test
  void torchDrawsSixteenAtATime() {
    TorchGenerator generator = new TorchGenerator(0);
    float[] first = torch(generator, 16);
    assertArrayEquals(
        new float[] {-1.1258398f, -1.1523602f, -.2505786f, -.4338788f},
        Arrays.copyOf(first, 4),
        CLOSE);
    assertArrayEquals(
        new float[] {0.11984151f, 1.2376579f, 1.1167772f, -0.24727815f},
        Arrays.copyOfRange(first, 12, 16),
        CLOSE);
    // The next tensor goes on where this one ended.
    assertArrayEquals(
        new float[] {-1.3526537f, -1.6959312f, 0.56665063f},
        Arrays.copyOf(torch(generator, 16), 3),
        CLOSE);
  }

  @Test
  void torchDrawsTheLastSixteenAnewWhereSomeAreLeftOver() {
    TorchGenerator generator = new TorchGenerator(7);
    float[] values = torch(generator, 40);
    assertArrayEquals(
        new float[] {-0.82013452f, 0.39563116f, 0.8989085f, -1.3884039f},
        Arrays.copyOf(values, 4),
        CLOSE);
    assertArrayEquals(
        new float[] {-0.10073432f, 0.23701459f, 0.63268209f, -0.091677167f},
        Arrays.copyOfRange(values, 36, 40),
        CLOSE);
    assertArrayEquals(
        new float[] {-0.38211593f, -1.1668941f, 0.36357585f},
        Arrays.copyOf(torch(generator, 16), 3),
        CLOSE);
  }

  @Test
  void ofAnEvenLargerSeedTheLowBitsCount() {
    float[] values = torch(new TorchGenerator(123456789012L), 17);
    assertArrayEquals(
        new float[] {-0.35335988f, -0.66894954f, 0.5969336f, 1.2347478f},
        Arrays.copyOf(values, 4),
        CLOSE);
    assertEquals(1.0733435f, values[16], CLOSE);
    assertThrows(IllegalArgumentException.class, () -> torch(new TorchGenerator(0), 15));
  }

  @Test
  void numpyDrawsPairs() {
    double[] values = new double[5];
    new NumpyGenerator(0).normal(values);
    assertArrayEquals(
        new double[] {
          1.764052345967664,
          0.4001572083672233,
          0.9787379841057392,
          2.240893199201458,
          1.8675579901499675
        },
        values,
        1e-15);
    new NumpyGenerator(0xffffffffL).normal(values);
    assertEquals(0.6484086742306527, values[0], 1e-15);
    assertEquals(0.11388773652167104, values[4], 1e-15);
    assertThrows(IllegalArgumentException.class, () -> new NumpyGenerator(1L << 32));
    assertThrows(IllegalArgumentException.class, () -> new NumpyGenerator(-1));
  }

  /** The first numbers of seed 0 on a GPU, as programs that imitate them print them. */
  @Test
  void aGpuCountsEachNumber() {
    float[] values = new float[8];
    TorchGenerator.normalOnGpu(0, 0, values);
    assertArrayEquals(
        new float[] {
          -0.92466259f,
          -0.42534415f,
          -2.6438457f,
          0.14518388f,
          -0.12086647f,
          -0.57972564f,
          -0.62285122f,
          -0.32838709f
        },
        values,
        CLOSE);
  }
}
