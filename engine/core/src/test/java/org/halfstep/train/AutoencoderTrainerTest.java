package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.Random;
import org.halfstep.HeapAllocation;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.graph.Parameter;
import org.halfstep.latent.VariationalAutoencoderConfig;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One update of an autoencoder: its loss, all of its gradients, and what it allocates. */
class AutoencoderTrainerTest {
  /** Adam whose first moment after an update is the gradient itself. */
  private static final OptimizerSettings GRADIENT =
      new OptimizerSettings(0, 0.999, 1e-8, 0, false, 0, 0);

  private static Network<VariationalAutoencoderConfig, ComponentCard> network(
      Device device, AutoencoderSettings settings) {
    return Network.fresh(
        device,
        settings.network().network(settings.divergence()),
        new ComponentCard("autoencoder", Map.of()),
        5);
  }

  private static AutoencoderTrainer trainer(
      Network<VariationalAutoencoderConfig, ComponentCard> network,
      ImageDataset data,
      AutoencoderSettings settings) {
    return new AutoencoderTrainer(
        network, new LabelledImages(data, settings.mirror()), settings, 7);
  }

  /** A large weight of the divergence, so that its part of the gradient shows. */
  @ParameterizedTest
  @ValueSource(doubles = {0, 0.5})
  void gradientsOfTheLossAreThoseOfDifferences(double divergence) {
    AutoencoderSettings settings = SmallAutoencoders.settings(GRADIENT, 4, divergence);
    try (Device device = new CpuDevice(1);
        ImageDataset data = SmallAutoencoders.pictures(8);
        Network<VariationalAutoencoderConfig, ComponentCard> network = network(device, settings);
        AutoencoderTrainer trainer = trainer(network, data, settings)) {
      trainer.step(3, 0);
      float[] gradient = trainer.optimizer().firstMoment().toArray();
      Random random = new Random(1);
      for (Parameter parameter : network.graph().parameters().values()) {
        float[] before = network.weights().get(parameter);
        float[] direction = new float[before.length];
        double expected = 0;
        double norm = 0;
        for (int i = 0; i < before.length; i++) {
          float slope = gradient[Math.toIntExact(parameter.offset()) + i];
          direction[i] = random.nextBoolean() ? 1 : -1;
          // Towards the gradient, so that a difference is more than rounding.
          direction[i] = slope == 0 ? direction[i] : Math.signum(slope);
          expected += slope * (double) direction[i];
          norm += Math.abs(slope);
        }
        double h = 2e-4;
        double difference =
            (lossAt(trainer, network, parameter, before, direction, h)
                    - lossAt(trainer, network, parameter, before, direction, -h))
                / (2 * h);
        network.weights().set(parameter, before);
        assertEquals(expected, difference, 0.03 * norm + 2e-3, "gradient of " + parameter);
        if (!parameter.name().contains("to_k.bias")) {
          assertTrue(norm > 0, parameter + " has a gradient");
        }
      }
    }
  }

  private static double lossAt(
      AutoencoderTrainer trainer,
      Network<VariationalAutoencoderConfig, ComponentCard> network,
      Parameter parameter,
      float[] before,
      float[] direction,
      double h) {
    float[] moved = new float[before.length];
    for (int i = 0; i < moved.length; i++) {
      moved[i] = (float) (before[i] + h * direction[i]);
    }
    network.weights().set(parameter, moved);
    return trainer.step(3, 0);
  }

  @Test
  void theDivergenceIsAPartOfTheLoss() {
    double[] losses = new double[2];
    for (int k = 0; k < 2; k++) {
      AutoencoderSettings settings = SmallAutoencoders.settings(GRADIENT, 4, k * 0.5);
      try (Device device = new CpuDevice(1);
          ImageDataset data = SmallAutoencoders.pictures(8);
          Network<VariationalAutoencoderConfig, ComponentCard> network = network(device, settings);
          AutoencoderTrainer trainer = trainer(network, data, settings)) {
        losses[k] = trainer.step(3, 0);
      }
    }
    // Untrained, means are small and variances near 1: some divergence, less than 1 per number.
    assertTrue(
        losses[1] > losses[0] + 1e-4 && losses[1] < losses[0] + 0.5, losses[0] + " " + losses[1]);
  }

  @Test
  void anUpdateIsAFunctionOfItsNumber() {
    AutoencoderSettings settings = SmallAutoencoders.settings(GRADIENT, 4, 0.1);
    try (Device device = new CpuDevice(1);
        ImageDataset data = SmallAutoencoders.pictures(8);
        Network<VariationalAutoencoderConfig, ComponentCard> network = network(device, settings);
        AutoencoderTrainer trainer = trainer(network, data, settings)) {
      double first = trainer.step(3, 0);
      float[] gradient = trainer.optimizer().firstMoment().toArray();
      double other = trainer.step(4, 0);
      assertTrue(first != other);
      assertEquals(first, trainer.step(3, 0));
      assertArrayEquals(gradient, trainer.optimizer().firstMoment().toArray());
    }
  }

  @Test
  void aWarmStepAllocatesNothing() {
    AutoencoderSettings settings = SmallAutoencoders.settings(GRADIENT, 2, 0.1);
    try (Device device = new CpuDevice();
        ImageDataset data = SmallAutoencoders.pictures(4096);
        Network<VariationalAutoencoderConfig, ComponentCard> network = network(device, settings);
        AutoencoderTrainer trainer = trainer(network, data, settings)) {
      long[] update = {0};
      assertEquals(0, HeapAllocation.bytes(() -> trainer.step(update[0]++, 1e-4)));
    }
  }

  @Test
  void picturesOfAnotherSizeAreRefused() {
    AutoencoderSettings settings = SmallAutoencoders.settings(GRADIENT, 2, 0.1);
    byte[] pixels = new byte[8 * 8 * 3];
    try (Device device = new CpuDevice(1);
        ImageDataset data = ImageDataset.of(pixels, new int[1], 8, 8, 3, List.of("all"));
        Network<VariationalAutoencoderConfig, ComponentCard> network = network(device, settings)) {
      IllegalArgumentException refused =
          assertThrows(
              IllegalArgumentException.class, () -> trainer(network, data, settings).close());
      assertEquals(
          "the autoencoder takes 16x16x3 images, the data has 8x8x3", refused.getMessage());
    }
  }
}
