package org.halfstep.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.option.DataOption;
import org.halfstep.cli.option.Settings;
import org.halfstep.data.DatasetOptions;
import org.halfstep.data.Datasets;
import org.halfstep.data.ImageDataset;
import org.halfstep.data.Split;
import org.halfstep.device.Device;
import org.halfstep.files.DataException;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;
import org.halfstep.latent.FirstStage;
import org.halfstep.latent.LatentDraw;
import org.halfstep.metrics.ReconstructionMeter;
import org.halfstep.train.AutoencoderFolder;
import org.halfstep.train.AutoencoderSettings;
import org.halfstep.train.AutoencoderShape;

/** Compares held-out pictures with what a run's autoencoder makes of them. */
final class AutoencoderEvaluation {
  private static final String SECTION = "autoencoder";
  private static final String GRID = "reconstructions.png";

  /** Most pictures that are compared. */
  private static final int MOST = 2048;

  private static final int AT_ONCE = 16;
  private static final int COLUMNS = 12;
  private static final int PAIRS_OF_ROWS = 4;
  private static final int PADDING = 2;

  private final Device device;
  private final DataOption data;
  private final Path folder;
  private final PrintWriter out;

  AutoencoderEvaluation(Device device, DataOption data, Path folder, PrintWriter out) {
    this.device = device;
    this.data = data;
    this.folder = folder;
    this.out = out;
  }

  /**
   * Prints what was measured, and writes a picture: rows of pictures, below each what became of
   * them.
   *
   * @throws DataException when there is no autoencoder, or a held-out picture cannot be read
   */
  void run() throws IOException {
    AutoencoderShape shape = shape();
    if (!Datasets.hasSplits(data.folder())) {
      out.println(
          data.folder() + ": has no pictures that are not learned from, so nothing is compared");
      out.flush();
      return;
    }
    DatasetOptions options =
        DatasetOptions.of(Split.TEST)
            .withSize(shape.imageSize(), shape.imageSize(), shape.inChannels());
    try (ImageDataset held = data.open(options)) {
      compare(held);
    }
  }

  /** The shape of what the run trains, by what it was told. */
  private AutoencoderShape shape() throws IOException {
    JsonNode told = Settings.read(folder.resolve(Settings.RUN_FILE)).path(SECTION);
    if (told.isMissingNode()) {
      throw new DataException(folder, "is not the folder of an autoencoder's run");
    }
    return Settings.JSON.treeToValue(told, AutoencoderSettings.class).network();
  }

  private void compare(ImageDataset held) throws IOException {
    int count = Math.min(MOST, held.count());
    ReconstructionMeter meter = new ReconstructionMeter();
    List<ImageBatch> shown = new ArrayList<>();
    try (AutoencoderFolder.Opened opened = AutoencoderFolder.open(device, folder)) {
      for (int done = 0; done < count; done += AT_ONCE) {
        ImageBatch pictures = held.batch(spread(held.count(), count, done, AT_ONCE));
        meter.add(pictures, reconstruct(opened.stage(), pictures));
      }
      int columns = Math.min(COLUMNS, count);
      int most = columns * Math.min(PAIRS_OF_ROWS, count / columns);
      for (int done = 0; done < most; done += columns) {
        ImageBatch row = held.batch(spread(held.count(), most, done, columns));
        shown.add(row);
        shown.add(reconstruct(opened.stage(), row));
      }
      ReconstructionMeter.Result result = meter.result();
      String line =
          String.format(
              Locale.ROOT,
              "PSNR %.2f dB, SSIM %.4f of %s held-out pictures",
              result.signalToNoise(),
              result.similarity(),
              Sizes.whole(result.pictures()));
      Path grid = folder.resolve(GRID);
      new ImageGrid(columns, PADDING, 1)
          .write(
              grid,
              ImageBatch.concatenated(shown),
              Map.of("halfstep", Halfstep.VERSION, "reconstructions", line));
      out.println(opened.origin() + ": " + line + "; " + grid);
      out.flush();
    }
  }

  /** Some of the pictures, evenly spread over all of them. */
  private static int[] spread(int of, int count, int first, int atMost) {
    int[] indexes = new int[Math.min(atMost, count - first)];
    for (int i = 0; i < indexes.length; i++) {
      indexes[i] = (int) ((long) (first + i) * of / count);
    }
    return indexes;
  }

  private static ImageBatch reconstruct(FirstStage stage, ImageBatch pictures) {
    int height = pictures.height() / stage.factor();
    int width = pictures.width() / stage.factor();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment latents =
          arena.allocate(
              (long) Float.BYTES * pictures.count() * height * width * stage.latentChannels(),
              Float.BYTES);
      stage.encode(pictures, LatentDraw.mode(), latents);
      return stage.decode(pictures.count(), height, width, latents);
    }
  }
}
