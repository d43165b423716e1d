package org.halfstep.random;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PermutationTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 16, 17, 1000, 1024, 1025, 60_000})
  void visitsEveryElementOnce(int size) {
    Permutation permutation = new Permutation(42, 3, size);
    BitSet seen = new BitSet(size);
    for (int i = 0; i < size; i++) {
      seen.set((int) permutation.at(i));
    }
    assertEquals(size, seen.cardinality());
    assertEquals(size, seen.length());
  }

  @Test
  void dependsOnlyOnSeedEpochAndPosition() {
    Permutation first = new Permutation(42, 3, 1000);
    long late = first.at(777);
    assertEquals(late, new Permutation(42, 3, 1000).at(777));
    assertTrue(differences(first, new Permutation(42, 4, 1000)) > 900);
    assertTrue(differences(first, new Permutation(43, 3, 1000)) > 900);
  }

  @Test
  void orderLooksRandom() {
    // Over many epochs, element 0 lands in every tenth of the positions about equally often, and a
    // neighbour follows its
    // neighbour no more often than chance.
    int[] tenths = new int[10];
    int follows = 0;
    int epochs = 2000;
    for (int epoch = 0; epoch < epochs; epoch++) {
      Permutation permutation = new Permutation(7, epoch, 100);
      tenths[(int) permutation.at(0) / 10]++;
      if (permutation.at(51) == permutation.at(50) + 1) {
        follows++;
      }
    }
    for (int count : tenths) {
      assertEquals(epochs / 10.0, count, 5 * Math.sqrt(epochs / 10.0));
    }
    assertTrue(follows < 20 + 5 * Math.sqrt(20), "neighbours stay together: " + follows);
  }

  @Test
  void refusesEmptyAndOutside() {
    assertThrows(IllegalArgumentException.class, () -> new Permutation(1, 1, 0));
    assertThrows(IndexOutOfBoundsException.class, () -> new Permutation(1, 1, 5).at(5));
    assertThrows(IndexOutOfBoundsException.class, () -> new Permutation(1, 1, 5).at(-1));
  }

  private static int differences(Permutation a, Permutation b) {
    int count = 0;
    for (int i = 0; i < a.size(); i++) {
      if (a.at(i) != b.at(i)) {
        count++;
      }
    }
    return count;
  }
}
