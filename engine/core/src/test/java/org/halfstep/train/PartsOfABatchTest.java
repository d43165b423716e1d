package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.latent.VariationalAutoencoderConfig;
import org.halfstep.model.ClassifierCard;
import org.halfstep.model.ClassifierConfig;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TinyNetworks;
import org.halfstep.model.UNetConfig;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A batch that is computed in parts makes the same update, for every kind of training. */
class PartsOfABatchTest {
  private static final int SIDE = 8;
  private static final int BATCH = 6;
  private static final int UPDATES = 3;
  private static final double RATE = 0.05;

  /** Sums in another order. */
  private static final float CLOSE = 2e-5f;

  /** With so large an eps an update is the gradient but for a factor, and not its sign. */
  private static final OptimizerSettings WHOLE =
      new OptimizerSettings(0.9, 0.999, 1, 0, false, 0, 0.9);

  private Device device;

  /** What a training has come to. */
  private record Outcome(double loss, double norm, float[] weights, float[] average) {}

  @BeforeEach
  void open() {
    device = new CpuDevice(2);
  }

  @AfterEach
  void close() {
    device.close();
  }

  private static Outcome run(UpdateStep trainer, Network<?, ?> network) {
    double loss = 0;
    for (int update = 0; update < UPDATES; update++) {
      loss = trainer.step(update, RATE);
    }
    return new Outcome(
        loss,
        trainer.optimizer().lastGradientNorm(),
        network.weights().toArray(),
        trainer.optimizer().ema().toArray());
  }

  private Outcome teacher(OptimizerSettings settings) {
    UNetConfig config = TinyNetworks.config(SIDE, 0.2f);
    try (ImageDataset data = TinyNetworks.images(SIDE, 10);
        Network<UNetConfig, ModelCard> network =
            TinyNetworks.perturbed(
                Network.fresh(device, config, TinyNetworks.teacherCard(), 3), 3);
        Trainer trainer =
            new Trainer(
                new ClassConditioned(network),
                new LabelledImages(data, true),
                BATCH,
                7,
                settings,
                (batch, draws) -> {
                  assertEquals(settings.rows(BATCH), batch.size());
                  return new TeacherObjective(
                      batch, draws, LossWeighting.TRUNCATED_SNR, 0.3, TinyNetworks.CLASSES);
                })) {
      return run(trainer, network);
    }
  }

  private Outcome classifier(OptimizerSettings settings) {
    ClassifierConfig config = new ClassifierConfig(SIDE, 1, TinyNetworks.CLASSES, List.of(8, 16));
    ClassifierSettings all =
        new ClassifierSettings(
            config, BATCH, UPDATES, RATE, settings, DataType.F32, true, 1, 5, 10);
    ClassifierCard card = new ClassifierCard("patterns", List.of("a", "b", "c"), null);
    try (ImageDataset data = TinyNetworks.images(SIDE, 10);
        Network<ClassifierConfig, ClassifierCard> network = Network.fresh(device, config, card, 3);
        ClassifierTrainer trainer = new ClassifierTrainer(network, data, all, 7)) {
      return run(trainer, network);
    }
  }

  private Outcome autoencoder(OptimizerSettings settings) {
    AutoencoderSettings all = SmallAutoencoders.settings(settings, BATCH, 0.5);
    VariationalAutoencoderConfig config = all.network().network(all.divergence());
    try (ImageDataset data = SmallAutoencoders.pictures(10);
        Network<VariationalAutoencoderConfig, ComponentCard> network =
            Network.fresh(device, config, new ComponentCard("autoencoder", null), 3);
        AutoencoderTrainer trainer =
            new AutoencoderTrainer(network, new LabelledImages(data, true), all, 7)) {
      return run(trainer, network);
    }
  }

  private static void assertAlike(Outcome whole, Outcome parts) {
    assertEquals(whole.loss, parts.loss, 1e-4 * whole.loss);
    assertEquals(whole.norm, parts.norm, 1e-4 * whole.norm);
    assertArrayEquals(whole.average, parts.average, CLOSE);
    assertArrayEquals(whole.weights, parts.weights, CLOSE);
  }

  @Test
  void theSameUpdateOfATeacher() {
    Outcome whole = teacher(WHOLE);
    assertAlike(whole, teacher(WHOLE.withParts(2)));
    assertAlike(whole, teacher(WHOLE.withParts(6)));
  }

  @Test
  void theSameUpdateOfAClassifier() {
    assertAlike(classifier(WHOLE), classifier(WHOLE.withParts(3)));
  }

  @Test
  void theSameUpdateOfAnAutoencoderWithItsDivergence() {
    assertAlike(autoencoder(WHOLE), autoencoder(WHOLE.withParts(3)));
  }

  @Test
  void whatDoesNotSplitIsRefused() {
    IllegalArgumentException refused =
        assertThrows(
            IllegalArgumentException.class,
            () -> new RunSettings(BATCH, 1, RATE, 0, false, WHOLE.withParts(4), LossWeighting.SNR));
    assertTrue(refused.getMessage().contains("a batch of 6 does not split into 4"));
    assertEquals(WHOLE, WHOLE.withParts(1));
    assertThrows(IllegalArgumentException.class, () -> WHOLE.withParts(0));
  }
}
