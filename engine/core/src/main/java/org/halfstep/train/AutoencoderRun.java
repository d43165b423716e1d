package org.halfstep.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import org.halfstep.checkpoint.AutoencoderDescription;
import org.halfstep.checkpoint.Component;
import org.halfstep.data.CaptionedPictures;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.diffusion.LearningRate;
import org.halfstep.latent.FirstStage;
import org.halfstep.latent.FirstStageOptions;
import org.halfstep.latent.LatentScale;
import org.halfstep.latent.VariationalAutoencoderConfig;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.model.TensorNames;
import org.halfstep.random.Philox;

/** Trains an autoencoder from pictures, from its newest checkpoint on. */
public final class AutoencoderRun {
  private static final String PHASE = "autoencoder";
  private static final long WEIGHTS_STREAM = 0;
  private static final long TRAINING_STREAM = 1;

  private AutoencoderRun() {}

  /**
   * Trains until the settings' updates are done, measures the scaling of latents on the training
   * pictures and writes the first stage as a folder of diffusers ({@link AutoencoderFolder}).
   *
   * @param pictures what is known of the data's images, so that they come by their weights; null
   *     where all come as often
   * @param dataName what the card calls the data
   * @param from a first stage of the same shape whose weights are begun with; null to begin with
   *     new ones. Moments begin at zero in either case
   * @param folder checkpoints and the folder {@value AutoencoderFolder#NAME} (float32) go here
   * @param resume which checkpoint to go on from
   * @param stop asked after every update; true ends the run after a checkpoint
   * @return whether the autoencoder is finished
   * @throws IllegalArgumentException when the data or {@code from} do not fit
   */
  public static boolean run(
      Device device,
      ImageDataset data,
      CaptionedPictures pictures,
      String dataName,
      AutoencoderSettings settings,
      Component from,
      Path folder,
      Resume resume,
      RunListener listener,
      BooleanSupplier stop)
      throws IOException {
    VariationalAutoencoderConfig config = settings.network().network(settings.divergence());
    if (from != null) {
      requireSameShape(config.network(), from);
    }
    String begun = from == null ? null : from.sha256();
    ComponentCard card = card(data, dataName, settings, begun);
    Examples examples =
        pictures == null
            ? new LabelledImages(data, settings.mirror())
            : new CaptionedImages(data, pictures, settings.mirror());
    return PhaseRun.begin(
        folder,
        settings.checkpointEvery(),
        PhaseRun.fingerprint(settings, examples.identity())
            + (from == null ? "" : ", from " + begun),
        Map.of(PHASE, 1),
        resume,
        listener,
        stop,
        phases -> {
          Path file = AutoencoderFolder.weights(folder);
          if (phases.isDone(PHASE, 0, settings.updates(), file)
              && AutoencoderFolder.isThere(folder)) {
            listener.note(folder.resolve(AutoencoderFolder.NAME) + ": is finished");
            return true;
          }
          try (Network<VariationalAutoencoderConfig, ComponentCard> network =
                  network(device, config, card, settings, from);
              AutoencoderTrainer trainer =
                  new AutoencoderTrainer(
                      network,
                      examples,
                      settings,
                      Philox.childSeed(settings.seed(), TRAINING_STREAM))) {
            return phases.run(
                PHASE,
                0,
                PHASE,
                null,
                network,
                trainer,
                new LearningRate.LinearToZero(
                    settings.learningRate(), settings.updates(), settings.warmUp()),
                settings.updates(),
                _ -> finish(network, trainer, data, folder, listener));
          }
        });
  }

  private static Network<VariationalAutoencoderConfig, ComponentCard> network(
      Device device,
      VariationalAutoencoderConfig config,
      ComponentCard card,
      AutoencoderSettings settings,
      Component from)
      throws IOException {
    return from == null
        ? Network.fresh(device, config, card, Philox.childSeed(settings.seed(), WEIGHTS_STREAM))
        : Network.load(device, config, card, from.tensors(), TensorNames.OWN);
  }

  private static void requireSameShape(AutoencoderDescription wanted, Component from) {
    Map<String, String> shapes = new TreeMap<>();
    wanted.shapes().forEach((name, shape) -> shapes.put(name, Arrays.toString(shape)));
    from.network()
        .shapes()
        .forEach(
            (name, shape) -> {
              if (!shapes.remove(name, Arrays.toString(shape))) {
                throw otherShape(from);
              }
            });
    if (!shapes.isEmpty()
        || !(from.network() instanceof AutoencoderDescription known)
        || known.groups() != wanted.groups()) {
      throw otherShape(from);
    }
  }

  private static IllegalArgumentException otherShape(Component from) {
    return new IllegalArgumentException(
        from.tensors().origin()
            + ": is a first stage of another shape than the settings'; expected one that the same"
            + " network settings made");
  }

  private static ComponentCard card(
      ImageDataset data, String dataName, AutoencoderSettings settings, String from) {
    Map<String, String> provenance =
        new TreeMap<>(
            PhaseRun.provenance(
                settings.updates(), settings.batch(), data.count(), settings.seed()));
    provenance.put("data", dataName);
    if (from != null) {
      provenance.put("from", from);
    }
    return new ComponentCard(PHASE, provenance);
  }

  private static Path finish(
      Network<VariationalAutoencoderConfig, ComponentCard> network,
      AutoencoderTrainer trainer,
      ImageDataset data,
      Path folder,
      RunListener listener)
      throws IOException {
    double scaling;
    try (FirstStage stage =
        FirstStage.open(
            network.device(),
            component(network, trainer, 1),
            FirstStageOptions.standard().withPrecision(DataType.F32))) {
      scaling = LatentScale.measure(stage, data);
    }
    Path file = AutoencoderFolder.write(folder, component(network, trainer, scaling));
    listener.saved(file);
    return file;
  }

  private static Component component(
      Network<VariationalAutoencoderConfig, ComponentCard> network,
      AutoencoderTrainer trainer,
      double scaling)
      throws IOException {
    return AutoencoderFolder.component(
        network.architecture(),
        scaling,
        "the autoencoder that was trained",
        trainer.optimizer().result(),
        network.card());
  }
}
