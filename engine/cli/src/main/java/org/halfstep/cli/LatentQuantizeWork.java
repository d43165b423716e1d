package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;
import org.halfstep.cli.console.ErrorLine;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.PercentProgress;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.console.StepProgress;
import org.halfstep.cli.console.StopSignal;
import org.halfstep.cli.option.CheckpointOption;
import org.halfstep.cli.option.DataOption;
import org.halfstep.cli.option.MemoryOption;
import org.halfstep.cli.option.PromptOptions;
import org.halfstep.data.DatasetOptions;
import org.halfstep.data.ImageDataset;
import org.halfstep.data.Split;
import org.halfstep.device.Device;
import org.halfstep.files.AtomicFolder;
import org.halfstep.image.ImageBatch;
import org.halfstep.quantize.Calibration;
import org.halfstep.random.Permutation;
import org.halfstep.sample.Cancellation;
import org.halfstep.sample.LatentCalibration;
import org.halfstep.sample.LatentOptions;
import org.halfstep.sample.LatentQuantization;
import org.halfstep.sample.ModelOptions;

/** Makes an int8 model of a latent one. */
record LatentQuantizeWork(
    PrintWriter console,
    Halfstep halfstep,
    MemoryOption memory,
    DataOption data,
    PromptOptions prompts,
    CheckpointOption checkpoint) {
  private static final int RGB = 3;

  /**
   * Measures and writes.
   *
   * @param images null for the usual number
   * @param out a folder that is not there yet, or empty
   * @return the exit code
   */
  int run(Path model, Integer images, long seed, Path out) throws IOException {
    if (out.toString().endsWith(".safetensors")) {
      throw new InputException(
          "an int8 latent model is a folder with all parts: --out " + out + " is a file");
    }
    AtomicFolder.requireWritable(out);
    Cancellation cancellation = new Cancellation();
    try (Device device = halfstep.openDevice();
        LatentQuantization work = open(device, model, calibration(images, seed));
        StopSignal stop = new StopSignal(cancellation::cancel)) {
      try {
        make(work, seed, out, cancellation);
        return 0;
      } catch (CancellationException stopped) {
        if (!stop.getAsBoolean()) {
          throw stopped;
        }
        console.println("stopped");
        return ErrorLine.INTERRUPTED;
      }
    }
  }

  private LatentCalibration calibration(Integer images, long seed) {
    int count = images == null ? LatentCalibration.DEFAULT_IMAGES : images;
    int[] size = prompts.size();
    try {
      LatentCalibration chosen =
          LatentCalibration.standard()
              .withImages(count)
              .withSeed(seed)
              .withPrompts(prompts.prompts(), prompts.negative());
      return size == null ? chosen : chosen.withSize(size[1], size[0]);
    } catch (IllegalArgumentException refused) {
      throw new InputException("--images: " + refused.getMessage(), refused);
    }
  }

  private LatentQuantization open(Device device, Path model, LatentCalibration calibration) {
    ModelOptions options =
        memory
            .on(device)
            .withLatent(
                LatentOptions.standard()
                    .withCheckpoint(checkpoint.options())
                    .withTokenizer(checkpoint.tokenizer()));
    try {
      return new LatentQuantization(device, model, options, calibration);
    } catch (IOException | IllegalArgumentException refused) {
      throw new InputException(refused.getMessage(), refused);
    }
  }

  private void make(LatentQuantization work, long seed, Path out, Cancellation cancellation)
      throws IOException {
    work.notes().forEach(console::println);
    ImageBatch pictures = data.isGiven() ? pictures(work, seed) : null;
    console.println(
        Sizes.count(work.images(), "image")
            + " of "
            + work.width()
            + "x"
            + work.height()
            + (pictures == null
                ? ", made in " + SampleMetadata.steps(work.request())
                : " of " + data.name()));
    console.flush();
    Calibration.Scales scales;
    try (StepProgress progress = new StepProgress(console, work.images())) {
      scales =
          work.measure(
              pictures,
              pictures == null ? "its own pictures" : data.name(),
              cancellation,
              progress,
              new PercentProgress(console, "measured"));
    }
    work.write(out, scales, checkpoint.tokenizer())
        .forEach(note -> console.println(out + ": " + note));
    long bytes;
    try (Stream<Path> files = Files.walk(out)) {
      bytes = files.filter(Files::isRegularFile).mapToLong(file -> file.toFile().length()).sum();
    }
    console.println(
        out
            + ": "
            + Sizes.bytes(bytes)
            + "; "
            + scales.layers().size()
            + " layers of the UNet in int8, "
            + QuantizeCommand.measured(scales.how()));
  }

  /** Images of the data by a keyed permutation, as models of pixels take them. */
  private ImageBatch pictures(LatentQuantization work, long seed) throws IOException {
    try (ImageDataset dataset =
        data.open(DatasetOptions.of(Split.TRAIN).withSize(work.height(), work.width(), RGB))) {
      if (dataset.count() < work.images()) {
        throw new InputException(
            data.folder()
                + ": has "
                + Sizes.count(dataset.count(), "image")
                + ", fewer than the "
                + work.images()
                + " that are measured: say how many with --images");
      }
      Permutation order = new Permutation(seed, 0, dataset.count());
      int[] chosen = new int[work.images()];
      for (int i = 0; i < chosen.length; i++) {
        chosen[i] = (int) order.at(i);
      }
      return dataset.batch(chosen);
    }
  }
}
