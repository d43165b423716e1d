package org.halfstep.cli.option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Watch;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.image.ImageGrid;
import org.halfstep.model.ModelCard.Role;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.SampleRequest;
import org.halfstep.train.LabelledImages;
import picocli.CommandLine.Option;

/** What is looked at while networks are trained. */
public final class WatchOptions {
  private static final String FOLDER = "samples";

  /** Of models of any number of steps: enough to see by. */
  private static final int STEPS = 32;

  private static final int PADDING = 2;
  private static final int MOST_SAMPLES = 1024;
  private static final int MOST_HELD_OUT = 1 << 20;

  @Option(
      names = "--held-out",
      paramLabel = "N",
      description =
          "Measure the loss on so many images that are not learned from (the test split, or other splits of a"
              + " captions.tsv) at each checkpoint, by ten parts of time (default: none).")
  private Integer heldOut;

  @Option(
      names = "--samples",
      paramLabel = "N",
      description =
          "Make so many images at each checkpoint, always of the same noise, as samples/PHASE-UPDATE.png in the run's"
              + " folder (default: none).")
  private Integer samples;

  /** Refuses both; latent models are measured on held-out pictures wherever there are some. */
  public void requireNone(String what) {
    requireNoSamples(what);
    if (heldOut != null) {
      throw new InputException("--held-out: is not for " + what + ", which decide it themselves");
    }
  }

  /** Refuses samples for other networks. */
  public void requireNoSamples(String what) {
    if (samples != null) {
      throw new InputException("--samples: is for networks of pixels, not " + what);
    }
  }

  /** How many pictures are held out; 0 for none. */
  public int heldOut() {
    return heldOut == null ? 0 : Bounds.whole("--held-out", heldOut, 1, MOST_HELD_OUT);
  }

  /**
   * The images that are held out.
   *
   * @param images what is learned from
   * @return closed by the caller; empty where none are asked for
   */
  public Optional<ImageDataset> open(DataOption data, ImageDataset images) throws IOException {
    if (heldOut == null) {
      return Optional.empty();
    }
    List<String> classes = images.classNames();
    Optional<ImageDataset> opened =
        data.openHeldOut(images.height(), images.channels(), classes, heldOut());
    if (opened.isEmpty()) {
      throw new InputException(
          data.folder() + ": has no test split to hold out; leave --held-out away");
    }
    return opened;
  }

  /**
   * What is looked at.
   *
   * @param opened what {@link #open} gave
   * @param folder of the run
   */
  public Watch watch(Device device, Optional<ImageDataset> opened, Path folder) {
    if (samples != null) {
      Bounds.whole("--samples", samples, 1, MOST_SAMPLES);
    }
    return new Watch(
        opened.map(images -> new LabelledImages(images, false)).orElse(null),
        samples == null
            ? null
            : (phase, update, weights) -> sample(device, folder, phase, update, weights));
  }

  private Path sample(Device device, Path folder, String phase, long update, Path weights)
      throws IOException {
    String name =
        String.format(
            Locale.ROOT,
            "%s-%08d.png",
            phase.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-"),
            update);
    Path file = folder.resolve(FOLDER).resolve(name);
    try (DiffusionModel model =
        DiffusionModel.open(weights, ModelOptions.standard().withDevice(device))) {
      int[] labels = IntStream.range(0, samples).map(i -> i % model.classes()).toArray();
      SampleRequest request = model.request(labels);
      if (model.card().role() != Role.STUDENT) {
        request = request.withSteps(STEPS);
      }
      int columns = (int) Math.ceil(Math.sqrt(samples));
      new ImageGrid(columns, PADDING, 1)
          .write(file, model.sample(request), Map.of("model", weights.toString()));
    }
    return file;
  }
}
