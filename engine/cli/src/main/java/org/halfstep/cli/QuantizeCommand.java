package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.option.Bounds;
import org.halfstep.cli.option.CheckpointOption;
import org.halfstep.cli.option.DataOption;
import org.halfstep.cli.option.MemoryOption;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.cli.option.PromptOptions;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.files.AtomicFile;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.Quantization;
import org.halfstep.model.UNetConfig;
import org.halfstep.quantize.Calibration;
import org.halfstep.quantize.CalibrationSettings;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.LatentCalibration;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Makes an int8 model: the same network with 8-bit convolutions, for processors. */
@Command(
    name = "quantize",
    description = {
      "Make an int8 model from a float32 one, for faster sampling on a processor.",
      "Of a latent model the UNet becomes int8, measured on pictures that the model makes itself"
          + " unless --data names others; the other parts are copied."
    },
    footer = {
      "  halfstep quantize --model runs/students/student-4.safetensors \\",
      "    --data data/fashion-mnist --out four-int8.safetensors",
      "  halfstep quantize --model sd15 --out sd15-int8"
    })
final class QuantizeCommand implements Callable<Integer> {
  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private ModelOption model;
  @Mixin private MemoryOption memory;
  @Mixin private DataOption data;
  @Mixin private PromptOptions prompts;
  @Mixin private CheckpointOption checkpoint;

  @Option(
      names = "--images",
      paramLabel = "N",
      description =
          "Images that activations are measured on, each noised to every step of the model, of a"
              + " latent one to eight levels (default: "
              + CalibrationSettings.DEFAULT_IMAGES
              + ", of a latent model "
              + LatentCalibration.DEFAULT_IMAGES
              + ").")
  private Integer images;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description =
          "Seed of the noise, of the guidance strengths and of the pictures (default: 0).")
  private long seed;

  @Option(
      names = "--out",
      paramLabel = "PATH",
      required = true,
      description =
          "The file to write; one that exists is replaced. Of a latent model a folder that is not"
              + " there yet.")
  private Path out;

  @Override
  public Integer call() throws IOException {
    PrintWriter console = spec.commandLine().getOut();
    if (images != null) {
      Bounds.images("--images", images);
    }
    String choice = model.orBundled();
    if (Checkpoint.matches(Path.of(choice))) {
      return new LatentQuantizeWork(console, halfstep, memory, data, prompts, checkpoint)
          .run(Path.of(choice), images, seed, out);
    }
    if (prompts.isGiven() || checkpoint.isGiven()) {
      throw new InputException(
          choice
              + ": is a model of pixels: it takes no prompts, no size, and none of the options of"
              + " other programs' files");
    }
    AtomicFile.requireWritable(out);
    try (Device device = halfstep.openDevice();
        DiffusionModel opened = ModelOption.open(choice, memory.on(device))) {
      Network<UNetConfig, ModelCard> source = opened.network();
      try (ImageDataset dataset =
          data.open(
              source.architecture().imageSize(),
              source.architecture().inChannels(),
              source.architecture().isConditional() ? source.card().classNames() : List.of())) {
        int count = images == null ? CalibrationSettings.DEFAULT_IMAGES : images;
        Calibration.Scales scales =
            Calibration.scales(
                source, dataset, data.name(), new CalibrationSettings(count, seed), _ -> {});
        source.saveQuantized(out, source.card(), scales.how(), scales.layers());
        console.println(
            out
                + ": "
                + Sizes.bytes(Files.size(out))
                + "; "
                + scales.layers().size()
                + " convolutions in int8, "
                + measured(scales.how()));
      }
    }
    return 0;
  }

  /** What an int8 network was measured on. */
  static String measured(Quantization how) {
    return "measured on "
        + Sizes.count(how.evaluations(), "evaluation")
        + " of "
        + Sizes.count(how.images(), "image");
  }
}
