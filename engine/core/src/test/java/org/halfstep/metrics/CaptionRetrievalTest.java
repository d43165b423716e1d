package org.halfstep.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** The right caption among those of a group. */
class CaptionRetrievalTest {
  /** Directions in a plane, all different. */
  private static double[] direction(double degrees) {
    return new double[] {
      3 * Math.cos(Math.toRadians(degrees)), 3 * Math.sin(Math.toRadians(degrees))
    };
  }

  @Test
  void theNearestCaptionIsTheAnswer() {
    CaptionRetrieval retrieval = new CaptionRetrieval();
    assertTrue(Double.isNaN(retrieval.accuracy()));
    retrieval.add("a", direction(0), direction(10));
    retrieval.add("b", direction(90), direction(80));
    // Nearest to the text of "a", which is another one.
    retrieval.add("c", direction(12), direction(200));
    assertEquals(3, retrieval.among());
    assertEquals(2 / 3.0, retrieval.accuracy());
    // The text of "a" again: whichever of the two is found, it is right.
    retrieval.add("a", direction(11), direction(300));
    assertEquals(3 / 4.0, retrieval.accuracy());
    double[] nowhere = new double[2];
    assertThrows(IllegalArgumentException.class, () -> retrieval.add("d", nowhere, direction(1)));
  }

  @Test
  void aCaptionIsLookedForAmongAHundred() {
    CaptionRetrieval retrieval = new CaptionRetrieval();
    for (int i = 0; i < 250; i++) {
      // In the second hundred every image is turned to the text of the next.
      int turned = i >= 100 && i < 200 ? 1 : 0;
      retrieval.add("" + i, direction(i % 100 + turned), direction(i % 100));
    }
    assertEquals(100, retrieval.among());
    // Of the second hundred the last has no next; the third is not whole and does not count.
    assertEquals(101 / 200.0, retrieval.accuracy());
  }
}
