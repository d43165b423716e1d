package org.halfstep.diffusion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class HalvingScheduleTest {
  @Test
  void publishedScheduleOfImageNet() {
    HalvingSchedule halving = HalvingSchedule.of(1024, 50_000, 1e-4);
    assertEquals(10, halving.stages());
    assertEquals(600_000, halving.totalUpdates());
    assertEquals(new HalvingSchedule.Stage(0, 1024, 512, 50_000), halving.stage(0));
    assertEquals(new HalvingSchedule.Stage(7, 8, 4, 50_000), halving.stage(7));
    assertEquals(new HalvingSchedule.Stage(8, 4, 2, 100_000), halving.stage(8));
    assertEquals(new HalvingSchedule.Stage(9, 2, 1, 100_000), halving.stage(9));
    assertThrows(IndexOutOfBoundsException.class, () -> halving.stage(10));
  }

  @Test
  void mayStopEarly() {
    HalvingSchedule halving = new HalvingSchedule(256, 4, 10, 20, 2, 1e-4);
    assertEquals(6, halving.stages());
    assertEquals(4, halving.stage(5).studentSteps());
  }

  @Test
  void positionAdvancesOnlyOverFinishedStages() {
    HalvingSchedule halving = new HalvingSchedule(4, 1, 2, 3, 1, 1e-4);
    HalvingSchedule.Position position = HalvingSchedule.Position.START;
    assertThrows(
        IllegalStateException.class, () -> halving.nextStage(HalvingSchedule.Position.START));
    position = halving.afterUpdate(halving.afterUpdate(position));
    assertTrue(halving.stageFinished(position));
    position = halving.nextStage(position);
    assertEquals(new HalvingSchedule.Position(1, 0), position);
    position = halving.nextStage(new HalvingSchedule.Position(1, 3));
    assertTrue(halving.finished(position));
    assertFalse(halving.stageFinished(position));
  }

  @Test
  void refusesWhatCannotBeHalved() {
    assertThrows(IllegalArgumentException.class, () -> HalvingSchedule.of(100, 10, 1e-4));
    assertThrows(IllegalArgumentException.class, () -> HalvingSchedule.of(1, 10, 1e-4));
    assertThrows(IllegalArgumentException.class, () -> HalvingSchedule.of(8, 0, 1e-4));
    assertThrows(IllegalArgumentException.class, () -> HalvingSchedule.of(8, 10, 0));
    assertThrows(IllegalArgumentException.class, () -> HalvingSchedule.of(8, 10, Double.NaN));
    assertThrows(IllegalArgumentException.class, () -> new HalvingSchedule.Position(-1, 0));
  }

  @Test
  void constantRateWarmsUp() {
    LearningRate rate = new LearningRate.Constant(1e-3, 4);
    assertEquals(0.25e-3, rate.at(0), 1e-18);
    assertEquals(1e-3, rate.at(3), 1e-18);
    assertEquals(1e-3, rate.at(1000));
    assertEquals(1e-3, new LearningRate.Constant(1e-3, 0).at(0));
    assertThrows(IllegalArgumentException.class, () -> new LearningRate.Constant(1e-3, -1));
    assertThrows(IllegalArgumentException.class, () -> new LearningRate.LinearToZero(1e-3, 0));
  }

  @Test
  void aRateThatFallsCanWarmUpToo() {
    LearningRate rate = new LearningRate.LinearToZero(1e-3, 10, 4);
    LearningRate falling = new LearningRate.LinearToZero(1e-3, 10);
    assertEquals(0.25e-3, rate.at(0), 1e-18);
    assertEquals(0.9e-3 * 2 / 4, rate.at(1), 1e-18);
    for (int update = 3; update < 12; update++) {
      assertEquals(falling.at(update), rate.at(update));
    }
    assertThrows(IllegalArgumentException.class, () -> new LearningRate.LinearToZero(1e-3, 9, -1));
  }
}
