package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.option.Bounds;
import org.halfstep.cli.option.DataOption;
import org.halfstep.cli.option.MemoryOption;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.files.AtomicFile;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.halfstep.quantize.Calibration;
import org.halfstep.quantize.CalibrationSettings;
import org.halfstep.safetensors.Dtype;
import org.halfstep.sample.DiffusionModel;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Makes an int8 model: the same network with 8-bit convolutions, for processors. */
@Command(
    name = "quantize",
    description = "Make an int8 model from a float32 one, for faster sampling on a processor.",
    footer = {
      "  halfstep quantize --model runs/students/student-4.safetensors \\",
      "    --data data/fashion-mnist --out four-int8.safetensors"
    })
final class QuantizeCommand implements Callable<Integer> {
  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private ModelOption model;
  @Mixin private MemoryOption memory;
  @Mixin private DataOption data;

  @Option(
      names = "--images",
      paramLabel = "N",
      description =
          "Images that activations are measured on, each noised to every step of the model"
              + " (default: "
              + CalibrationSettings.DEFAULT_IMAGES
              + ").")
  private int images = CalibrationSettings.DEFAULT_IMAGES;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Seed of the noise and of the guidance strengths (default: 0).")
  private long seed;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      required = true,
      description = "The file to write; one that exists is replaced.")
  private Path file;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    Bounds.images("--images", images);
    AtomicFile.requireWritable(file);
    String choice = model.orBundled();
    try (Device device = halfstep.openDevice();
        DiffusionModel opened = ModelOption.open(choice, memory.on(device))) {
      Network<UNetConfig, ModelCard> source = opened.network();
      try (ImageDataset dataset =
              data.open(
                  source.architecture().imageSize(),
                  source.architecture().inChannels(),
                  source.architecture().isConditional() ? source.card().classNames() : List.of());
          Network<UNetConfig, ModelCard> quantized =
              Calibration.quantize(
                  source, dataset, data.name(), new CalibrationSettings(images, seed), _ -> {})) {
        quantized.save(file, quantized.card(), Dtype.F32);
        out.println(
            file
                + ": "
                + Sizes.bytes(Files.size(file))
                + "; "
                + source.architecture().int8Layers().size()
                + " convolutions in int8, measured on "
                + Sizes.count(quantized.quantization().evaluations(), "evaluation")
                + " of "
                + Sizes.count(quantized.quantization().images(), "image"));
      }
    }
    return 0;
  }
}
