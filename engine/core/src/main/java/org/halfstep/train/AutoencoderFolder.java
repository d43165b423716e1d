package org.halfstep.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.halfstep.checkpoint.AutoencoderDescription;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.FolderWriter;
import org.halfstep.checkpoint.Part;
import org.halfstep.checkpoint.WriteOptions;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Owned;
import org.halfstep.files.DataException;
import org.halfstep.graph.Weights;
import org.halfstep.latent.FirstStage;
import org.halfstep.latent.FirstStageOptions;
import org.halfstep.latent.VariationalAutoencoderConfig;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;

/**
 * The first stage that a training makes: a folder of diffusers, and before its end the newest
 * checkpoint.
 */
public final class AutoencoderFolder {
  /** Name of the folder within that of a run. */
  public static final String NAME = "vae";

  private static final String CONFIG = "config.json";
  private static final String WEIGHTS = "diffusion_pytorch_model.safetensors";

  private AutoencoderFolder() {}

  /** Weights in memory as the first stage that they are. */
  static Component component(
      VariationalAutoencoderConfig config,
      double scaling,
      String origin,
      Weights weights,
      ComponentCard card)
      throws IOException {
    AutoencoderDescription known = config.network();
    AutoencoderDescription network =
        new AutoencoderDescription(
            known.imageChannels(),
            known.latentChannels(),
            known.channels(),
            known.layers(),
            known.groups(),
            scaling,
            0,
            known.codeWidth());
    return Component.of(network, config.imageHeight(), origin, weights, card);
  }

  /**
   * Writes the folder, in place of one that the same run wrote before.
   *
   * @return the file of its weights
   */
  static Path write(Path run, Component component) throws IOException {
    Path folder = run.resolve(NAME);
    try (Checkpoint checkpoint = Checkpoint.assemble(folder, List.of(component), null, null)) {
      FolderWriter.replace(checkpoint, folder, WriteOptions.same());
    }
    return folder.resolve(WEIGHTS);
  }

  /** The file of the weights that {@link #write} wrote. */
  static Path weights(Path run) {
    return run.resolve(NAME).resolve(WEIGHTS);
  }

  /** Whether the folder is whole. */
  static boolean isThere(Path run) {
    return Files.exists(run.resolve(NAME).resolve(CONFIG));
  }

  /**
   * An open first stage.
   *
   * @param origin the file or folder of its weights
   * @param owned the stage, and what it reads them from
   */
  public record Opened(FirstStage stage, String origin, Owned owned) implements AutoCloseable {
    @Override
    public void close() {
      owned.close();
    }
  }

  /**
   * Opens the first stage of a run's folder: the one that it ended with, or else what its newest
   * checkpoint would end with, while it trains.
   *
   * @throws IOException in one line, when there is neither, or it is damaged
   */
  public static Opened open(Device device, Path run) throws IOException {
    Owned owned = new Owned();
    try {
      Component component = isThere(run) ? finished(owned, run) : training(owned, device, run);
      FirstStageOptions options = FirstStageOptions.standard().withPrecision(DataType.F32);
      FirstStage stage = owned.add(FirstStage.open(device, component, options));
      return new Opened(stage, component.tensors().origin(), owned);
    } catch (IOException | RuntimeException failure) {
      owned.close();
      throw failure;
    }
  }

  private static Component finished(Owned owned, Path run) throws IOException {
    Checkpoint checkpoint =
        owned.add(Checkpoint.open(run.resolve(NAME), CheckpointOptions.standard()));
    return checkpoint
        .component(Part.AUTOENCODER)
        .orElseThrow(() -> new DataException(run.resolve(NAME), "holds no first stage"));
  }

  private static Component training(Owned owned, Device device, Path run) throws IOException {
    Path file =
        Checkpoints.newestResult(run)
            .orElseThrow(
                () ->
                    new DataException(
                        run,
                        "has neither a folder "
                            + NAME
                            + " nor a checkpoint: train an autoencoder first"));
    Network<VariationalAutoencoderConfig, ComponentCard> network =
        owned.add(Network.load(device, VariationalAutoencoderConfig.FORMAT, file));
    return component(network.architecture(), 1, file.toString(), network.values(), network.card());
  }
}
