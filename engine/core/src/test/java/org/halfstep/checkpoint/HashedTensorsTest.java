package org.halfstep.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

class HashedTensorsTest {
  @Test
  void hashedWeightsAreTheOnesThatAreWrittenDown() {
    assertEquals(-.94396147, HashedTensors.hash("x", 0), 1e-8);
    assertEquals(-.0500079, HashedTensors.hash("x", 1), 1e-7);
    assertEquals(.59831685, HashedTensors.hash("x", 2), 1e-8);
    UNetDescription wide =
        new UNetDescription(
            4, 4, List.of(64), List.of(true), List.of(true), 1, 24, List.of(4), false, 32, 0, 0);
    try (HashedTensors weights = new HashedTensors(wide)) {
      float[] first = weights.find("conv_in.weight").orElseThrow().floats();
      assertEquals(.00793611, first[0], 1e-8);
      assertEquals(-.23221716, first[1], 1e-7);
      for (float value : weights.find("conv_norm_out.weight").orElseThrow().floats()) {
        assertEquals(1, value, 0.1);
      }
      for (float value : weights.find("conv_norm_out.bias").orElseThrow().floats()) {
        assertEquals(0, value, 0.1);
      }
    }
  }
}
