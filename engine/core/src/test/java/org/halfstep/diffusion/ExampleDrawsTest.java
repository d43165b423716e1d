package org.halfstep.diffusion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ExampleDrawsTest {
  private static final int EXAMPLES = 20_000;

  @Test
  void drawsDependOnlyOnSeedAndExample() {
    ExampleDraws draws = new ExampleDraws(5);
    double late = draws.time(12_345);
    assertEquals(late, new ExampleDraws(5).time(12_345));
    assertNotEquals(late, new ExampleDraws(6).time(12_345));
  }

  @Test
  void timeAndGuidanceAreUniformAndIndependent() {
    ExampleDraws draws = new ExampleDraws(5);
    GuidanceRange range = new GuidanceRange(2, 6);
    double timeSum = 0;
    double guidanceSum = 0;
    double product = 0;
    for (int e = 0; e < EXAMPLES; e++) {
      double t = draws.time(e);
      double w = draws.guidance(e, range);
      assertTrue(t > 0 && t < 1 && range.contains(w));
      timeSum += t;
      guidanceSum += w;
      product += (t - 0.5) * (w - 4);
    }
    double error = 5 / Math.sqrt(12.0 * EXAMPLES);
    assertEquals(0.5, timeSum / EXAMPLES, error);
    assertEquals(4, guidanceSum / EXAMPLES, 4 * error);
    assertEquals(0, product / EXAMPLES, 4 * error);
  }

  @Test
  void gridIndexIsUniformOverItsRange() {
    ExampleDraws draws = new ExampleDraws(8);
    int[] counts = new int[5];
    for (int e = 0; e < EXAMPLES; e++) {
      counts[draws.gridIndex(e, 0, 5)]++;
    }
    for (int count : counts) {
      assertEquals(EXAMPLES / 5.0, count, 5 * Math.sqrt(EXAMPLES / 5.0));
    }
    assertEquals(1, draws.gridIndex(77, 1, 1));
  }

  @Test
  void labelDropAndMirrorHaveTheirProbabilities() {
    ExampleDraws draws = new ExampleDraws(9);
    int dropped = 0;
    int mirrored = 0;
    int both = 0;
    for (int e = 0; e < EXAMPLES; e++) {
      boolean drop = draws.dropsLabel(e, 0.1);
      boolean mirror = draws.mirrors(e, 0.5);
      dropped += drop ? 1 : 0;
      mirrored += mirror ? 1 : 0;
      both += drop && mirror ? 1 : 0;
      assertFalse(draws.dropsLabel(e, 0));
      assertTrue(draws.mirrors(e, 1));
    }
    assertEquals(0.1 * EXAMPLES, dropped, 5 * Math.sqrt(0.1 * EXAMPLES));
    assertEquals(0.5 * EXAMPLES, mirrored, 5 * Math.sqrt(0.25 * EXAMPLES));
    assertEquals(0.05 * EXAMPLES, both, 5 * Math.sqrt(0.05 * EXAMPLES));
  }
}
