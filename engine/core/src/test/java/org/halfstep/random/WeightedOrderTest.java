package org.halfstep.random;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class WeightedOrderTest {
  private static final long SEED = 5;

  @Test
  void equalWeightsAreThePermutationItself() {
    double[] weights = new double[1000];
    Arrays.fill(weights, 0.3);
    WeightedOrder order = new WeightedOrder(SEED, weights);
    assertEquals(1000, order.examplesPerEpoch());
    for (int epoch = 0; epoch < 3; epoch++) {
      Permutation permutation = new Permutation(SEED, epoch, 1000);
      for (int i = 0; i < 1000; i++) {
        assertEquals(permutation.at(i), order.at(1000L * epoch + i));
      }
    }
  }

  /** Ten of weight 1, and 40 groups of five that are 1 together. */
  private static double[] groups() {
    double[] weights = new double[210];
    Arrays.fill(weights, 0.2);
    Arrays.fill(weights, 0, 10, 1);
    return weights;
  }

  @Test
  void anEpochShowsEachWholeAndOneOfFiveFifths() {
    WeightedOrder order = new WeightedOrder(SEED, groups());
    assertEquals(50, order.examplesPerEpoch());
    for (int epoch = 0; epoch < 20; epoch++) {
      int[] counts = new int[210];
      for (int i = 0; i < 50; i++) {
        counts[order.at(50L * epoch + i)]++;
      }
      for (int i = 0; i < 10; i++) {
        assertEquals(1, counts[i], "epoch " + epoch + " element " + i);
      }
      for (int group = 10; group < 210; group += 5) {
        assertEquals(1, Arrays.stream(counts, group, group + 5).sum(), "group at " + group);
      }
    }
  }

  /** Counts of many epochs are within five deviations of what is expected. */
  @Test
  void longRunsFollowTheWeights() {
    WeightedOrder order = new WeightedOrder(SEED, new double[] {0.1, 2, 0, 0.7, 1.2});
    assertEquals(2, order.examplesPerEpoch());
    int[] counts = new int[5];
    int epochs = 20_000;
    for (long i = 0; i < 2L * epochs; i++) {
      counts[order.at(i)]++;
    }
    double[] parts = {0.1 / 4, 2 / 4.0, 0, 0.7 / 4, 1.2 / 4};
    for (int i = 0; i < 5; i++) {
      assertEquals(2 * epochs * parts[i], counts[i], 5 * Math.sqrt(epochs), "element " + i);
    }
    assertEquals(0, counts[2]);
  }

  @Test
  void anyExampleCanBeAskedForAlone() {
    WeightedOrder forwards = new WeightedOrder(SEED, groups());
    int[] inOrder = new int[500];
    for (int i = 0; i < inOrder.length; i++) {
      inOrder[i] = forwards.at(i);
    }
    for (int i = inOrder.length - 1; i >= 0; i -= 7) {
      assertEquals(inOrder[i], new WeightedOrder(SEED, groups()).at(i));
      assertEquals(inOrder[i], forwards.at(i));
    }
    WeightedOrder other = new WeightedOrder(SEED + 1, groups());
    long same = 0;
    for (int i = 0; i < inOrder.length; i++) {
      same += other.at(i) == inOrder[i] ? 1 : 0;
    }
    assertTrue(same < 50, same + " of 500 alike for another seed");
  }

  @Test
  void refusesWhatIsNoWeight() {
    for (double[] wrong :
        new double[][] {{}, {0, 0}, {1, -1}, {Double.NaN}, {Double.POSITIVE_INFINITY}}) {
      assertThrows(IllegalArgumentException.class, () -> new WeightedOrder(SEED, wrong));
    }
  }
}
