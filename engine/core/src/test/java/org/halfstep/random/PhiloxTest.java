package org.halfstep.random;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class PhiloxTest {
  @Test
  void knownAnswersOfTheAlgorithm() {
    // The three vectors published with Random123 for philox4x32-10: counter 0..3, key 0..1,
    // expected words.
    assertBlock(0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
    assertBlock(-1, -1, -1, -1, -1, -1, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
    assertBlock(
        0x243f6a88,
        0x85a308d3,
        0x13198a2e,
        0x03707344,
        0xa4093822,
        0x299f31d0,
        0xd16cfe09,
        0x94fdcceb,
        0x5001e420,
        0x24126ea1);
  }

  private static void assertBlock(int c0, int c1, int c2, int c3, int k0, int k1, int... expected) {
    long seed = k0 & 0xFFFFFFFFL | (long) k1 << 32;
    long sample = c2 & 0xFFFFFFFFL | (long) c3 << 32;
    int[] got = new int[4];
    for (int word = 0; word < 4; word++) {
      got[word] = Philox.word(seed, sample, c1, (c0 & 0xFFFFFFFFL) * 4 + word);
    }
    assertArrayEquals(expected, got);
  }

  @Test
  void uniformIsWordPlusHalf() {
    long word = Philox.word(5, 6, 7, 8) & 0xFFFFFFFFL;
    assertEquals((word + 0.5) / 4294967296.0, Philox.uniform(5, 6, 7, 8));
    float[] many = new float[9];
    Philox.uniform(5, 6, 7, many);
    assertEquals((float) Philox.uniform(5, 6, 7, 8), many[8]);
  }

  @Test
  void normalIsBoxMullerOnNeighbouringWords() {
    double u1 = Philox.uniform(1, 2, 3, 6);
    double u2 = Philox.uniform(1, 2, 3, 7);
    double radius = Math.sqrt(-2 * Math.log(u1));
    assertEquals(radius * Math.cos(2 * Math.PI * u2), Philox.normal(1, 2, 3, 6), 1e-14);
    assertEquals(radius * Math.sin(2 * Math.PI * u2), Philox.normal(1, 2, 3, 7), 1e-14);
  }

  @Test
  void normalHasUnitMomentsAndNoCorrelationBetweenSamples() {
    int n = 100_000;
    float[] a = new float[n];
    float[] b = new float[n];
    Philox.normal(11, 0, 0, a);
    Philox.normal(11, 1, 0, b);
    double sum = 0;
    double squares = 0;
    double fourth = 0;
    double product = 0;
    for (int i = 0; i < n; i++) {
      sum += a[i];
      squares += a[i] * a[i];
      fourth += Math.pow(a[i], 4);
      product += a[i] * b[i];
    }
    // Five standard errors.
    assertEquals(0, sum / n, 5 / Math.sqrt(n));
    assertEquals(1, squares / n, 5 * Math.sqrt(2.0 / n));
    assertEquals(3, fourth / n, 5 * Math.sqrt(96.0 / n));
    assertEquals(0, product / n, 5 / Math.sqrt(n));
  }

  @Test
  void everyPartOfTheKeyMatters() {
    Set<Integer> words = new HashSet<>();
    words.add(Philox.word(1, 1, 1, 1));
    words.add(Philox.word(2, 1, 1, 1));
    words.add(Philox.word(1 + (1L << 32), 1, 1, 1));
    words.add(Philox.word(1, 2, 1, 1));
    words.add(Philox.word(1, 1 + (1L << 32), 1, 1));
    words.add(Philox.word(1, 1, 2, 1));
    words.add(Philox.word(1, 1, 1, 5));
    assertEquals(7, words.size());
    assertNotEquals(Philox.childSeed(3, 0), Philox.childSeed(3, 1));
    assertNotEquals(Philox.childSeed(3, 0), Philox.childSeed(4, 0));
  }

  @Test
  void boundedCoversItsRangeEvenly() {
    int[] counts = new int[7];
    int n = 70_000;
    for (int i = 0; i < n; i++) {
      counts[Philox.bounded(9, i, 0, 0, 7)]++;
    }
    for (int count : counts) {
      assertEquals(n / 7.0, count, 5 * Math.sqrt(n / 7.0));
    }
    assertEquals(0, Philox.bounded(9, 0, 0, 0, 1));
    assertThrows(IllegalArgumentException.class, () -> Philox.bounded(9, 0, 0, 0, 0));
  }

  @Test
  void uniformFromPairIsEvenInTheOpenInterval() {
    int n = 100_000;
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < n; i++) {
      double u = Philox.uniformFromPair(4, i, 2, 1);
      assertTrue(u > 0 && u < 1);
      sum += u;
      squares += u * u;
    }
    assertEquals(0.5, sum / n, 5 * Math.sqrt(1 / 12.0 / n));
    assertEquals(1 / 3.0, squares / n, 5 * Math.sqrt(4 / 45.0 / n));
  }
}
