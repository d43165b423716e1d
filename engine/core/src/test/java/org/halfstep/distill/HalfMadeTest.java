package org.halfstep.distill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.FailingDevice;
import org.halfstep.device.Slab;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.DistillationTarget;
import org.halfstep.diffusion.GuidanceRange;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TinyNetworks;
import org.halfstep.model.UNetConfig;
import org.halfstep.sample.SampleRequest;
import org.halfstep.sample.Sampler;
import org.halfstep.train.ClassConditioned;
import org.halfstep.train.LabelledImages;
import org.halfstep.train.OptimizerSettings;
import org.halfstep.train.TeacherObjective;
import org.halfstep.train.Trainer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Memory runs out at the first, second, ... allocation of everything that is made of several: what
 * was there by then is given back. Closing the device at the end fails if a primitive was left.
 */
class HalfMadeTest {
  private static final int SIDE = 4;
  private static final GuidanceRange RANGE = new GuidanceRange(0, 4);

  private FailingDevice device;
  private ImageDataset data;

  @BeforeEach
  void open() {
    device = new FailingDevice(new CpuDevice());
    data = TinyNetworks.images(SIDE, 6);
  }

  @AfterEach
  void close() {
    data.close();
    device.close();
  }

  @FunctionalInterface
  private interface Maker {
    AutoCloseable make() throws Exception;
  }

  /** Fails each allocation in turn until none is left to fail. */
  private void failEachAllocation(int atLeast, Maker maker) throws Exception {
    List<String> before = Slab.live();
    int allocations = 0;
    boolean made = false;
    while (!made) {
      device.failAfter(allocations);
      try (AutoCloseable whole = maker.make()) {
        made = whole != null;
      } catch (OutOfMemoryError expected) {
        allocations++;
      }
      device.failAfter(Integer.MAX_VALUE);
      assertEquals(before.size(), Slab.live().size(), "allocation " + allocations);
    }
    assertTrue(allocations >= atLeast, allocations + " allocations");
  }

  private Trainer trainer(
      Network<UNetConfig, ModelCard> network, Trainer.ObjectiveFactory objective) {
    return new Trainer(
        new ClassConditioned(network),
        new LabelledImages(data, false),
        2,
        1,
        OptimizerSettings.adam(0.9),
        objective);
  }

  @Test
  @DisplayName("Trainer with the teacher's objective")
  void teacher() throws Exception {
    try (Network<UNetConfig, ModelCard> network = TinyNetworks.teacher(device, SIDE, 1)) {
      failEachAllocation(
          9,
          () ->
              trainer(
                  network,
                  (batch, draws) ->
                      new TeacherObjective(batch, draws, LossWeighting.SNR_PLUS_1, 0.1, 3)));
    }
  }

  @Test
  @DisplayName("Trainer with the objectives of both stages")
  void students() throws Exception {
    try (Network<UNetConfig, ModelCard> teacher = TinyNetworks.teacher(device, SIDE, 1);
        Network<UNetConfig, ModelCard> student = TinyNetworks.guided(device, SIDE, 4, 2);
        Network<UNetConfig, ModelCard> guided = TinyNetworks.guided(device, SIDE, 4, 3)) {
      failEachAllocation(
          10,
          () ->
              trainer(
                  student,
                  (batch, draws) ->
                      new GuidedObjective(
                          new ClassConditioned(teacher),
                          batch,
                          draws,
                          RANGE,
                          LossWeighting.SNR_PLUS_1)));
      failEachAllocation(
          12,
          () ->
              trainer(
                  student,
                  (batch, draws) ->
                      new HalvingObjective(
                          new ClassConditioned(guided),
                          batch,
                          draws,
                          RANGE,
                          LossWeighting.TRUNCATED_SNR,
                          DistillationTarget.deterministic(
                              new NoiseSchedule.TruncatedCosine(NoiseSchedule.MAX_LOG_SNR),
                              TimeGrid.UNIFORM,
                              4))));
    }
  }

  @Test
  @DisplayName("Sampler of a guided teacher")
  void sampler() throws Exception {
    try (Network<UNetConfig, ModelCard> network = TinyNetworks.teacher(device, SIDE, 1)) {
      failEachAllocation(
          4,
          () -> {
            Sampler sampler = new Sampler(network);
            try {
              sampler.warmUp(SampleRequest.of(new int[] {0, 1, 2}, 1, 2, 1));
              return sampler;
            } catch (OutOfMemoryError failure) {
              sampler.close();
              throw failure;
            }
          });
    }
  }

  @Test
  @DisplayName("Networks: fresh, and with the weights of another")
  void networks() throws Exception {
    failEachAllocation(1, () -> TinyNetworks.teacher(device, SIDE, 1));
    try (Network<UNetConfig, ModelCard> network = TinyNetworks.teacher(device, SIDE, 1)) {
      failEachAllocation(1, () -> network.withCard(card -> card));
    }
  }
}
