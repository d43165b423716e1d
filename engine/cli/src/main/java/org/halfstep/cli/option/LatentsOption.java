package org.halfstep.cli.option;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.halfstep.checkpoint.AutoencoderDescription;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.Part;
import org.halfstep.cli.console.ImageProgress;
import org.halfstep.cli.console.InputException;
import org.halfstep.data.ImageDataset;
import org.halfstep.data.ImageSource;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.latent.FirstStage;
import org.halfstep.latent.FirstStageOptions;
import org.halfstep.latent.LatentCache;
import org.halfstep.latent.LatentCacheWriter;
import picocli.CommandLine.Option;

/** Which autoencoder makes latents of pictures, and where these are kept. */
public final class LatentsOption {
  private static final String USUAL_FILE = "latents.safetensors";

  @Option(
      names = "--autoencoder",
      paramLabel = "FOLDER",
      description =
          "Train on captions and the latents of this autoencoder: what train-autoencoder wrote, or"
              + " any folder of diffusers with a vae.")
  private Path autoencoder;

  @Option(
      names = "--latents",
      paramLabel = "FILE",
      description =
          "Where latents of the pictures are kept; made where they are not there yet (default:"
              + " latents.safetensors in --out).")
  private Path file;

  /** Whether latents are meant, and not pixels. */
  public boolean isGiven() {
    return autoencoder != null;
  }

  /** The folder that was named. */
  public Path autoencoder() {
    return autoencoder;
  }

  /** Refuses what has no meaning without an autoencoder. */
  public void requireNone() {
    if (file != null) {
      throw new InputException("--latents: latents are an autoencoder's; name it by --autoencoder");
    }
  }

  /** Opens the checkpoint that has the autoencoder; closed by the caller. */
  public Checkpoint openAutoencoder() throws IOException {
    Path vae = autoencoder.resolve("vae");
    boolean isRun = !Files.exists(autoencoder.resolve("model_index.json")) && Files.exists(vae);
    return Checkpoint.open(isRun ? vae : autoencoder, CheckpointOptions.standard());
  }

  /** The autoencoder of a checkpoint. */
  public static Component autoencoder(Checkpoint checkpoint) {
    return checkpoint
        .component(Part.AUTOENCODER)
        .orElseThrow(
            () -> new InputException(checkpoint.path() + ": has no autoencoder; expected a vae"));
  }

  /**
   * Opens the latents of pictures, and makes them where there are none.
   *
   * @param component the autoencoder
   * @param folder of the run
   * @return closed by the caller
   */
  public LatentCache openLatents(
      Device device, Component component, ImageDataset images, Path folder, PrintWriter out)
      throws IOException {
    Path path = file == null ? folder.resolve(USUAL_FILE) : file;
    return open(device, component, images, path, out);
  }

  /**
   * Opens latents that lie in a file, and makes it where it is not there.
   *
   * @param component the autoencoder
   * @return closed by the caller
   */
  public static LatentCache open(
      Device device, Component component, ImageDataset images, Path file, PrintWriter out)
      throws IOException {
    AutoencoderDescription network = (AutoencoderDescription) component.network();
    FirstStageOptions exact = FirstStageOptions.standard().withPrecision(DataType.F32);
    try (FirstStage stage = FirstStage.open(device, component, exact)) {
      LatentCache.Origin origin =
          new LatentCache.Origin(
              component.sha256(), stage.scalingFactor(), !network.isQuantized(), images.sha256());
      if (Files.exists(file)) {
        return LatentCache.open(file, origin);
      }
      try (ImageProgress progress = new ImageProgress(out, "encoding", images.count())) {
        return LatentCacheWriter.openOrMake(
            file, origin, stage, ImageSource.of(images), progress::show);
      }
    }
  }
}
