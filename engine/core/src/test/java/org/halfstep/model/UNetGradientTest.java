package org.halfstep.model;

import java.util.List;
import org.halfstep.graph.GradientCheck;
import org.junit.jupiter.api.Test;

/** Gradients of small networks against central differences. */
class UNetGradientTest {
  private static final int DIRECTIONS = 1;

  @Test
  void guidedConditionalNetworkWithDropout() {
    GradientCheck.of(config(true, false, 4, true, 0.2f, 24).graph(), 3, DIRECTIONS);
  }

  @Test
  void networkWithResidualResampling() {
    GradientCheck.of(config(true, true, 2, false, 0, null).graph(), 2, DIRECTIONS);
  }

  @Test
  void networkWithoutScaleAndShift() {
    GradientCheck.of(config(false, false, null, false, 0, null).graph(), 2, DIRECTIONS);
  }

  private static UNetConfig config(
      boolean scaleShift,
      boolean residualResampling,
      Integer classes,
      boolean newOrder,
      float dropout,
      Integer guidance) {
    return new UNetConfig(
        8,
        2,
        32,
        2,
        1,
        List.of(4),
        List.of(1.0, 2.0),
        classes,
        classes != null,
        8,
        null,
        scaleShift,
        residualResampling,
        true,
        newOrder,
        dropout,
        guidance);
  }
}
