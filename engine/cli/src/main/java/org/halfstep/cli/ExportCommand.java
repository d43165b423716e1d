package org.halfstep.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.device.Device;
import org.halfstep.files.AtomicFile;
import org.halfstep.safetensors.Dtype;
import org.halfstep.sample.DiffusionModel;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Writes a model's weights in another number format: what bundled models are made with. */
@Command(
    name = "export",
    description = "Write a model as float32 or, at half the size, bfloat16.",
    footer = {
      "  halfstep export --model runs/students/student-4.safetensors \\",
      "    --dtype bf16 --out four.safetensors"
    })
final class ExportCommand implements Callable<Integer> {
  /** The number formats of a weights file. */
  enum Format {
    F32(Dtype.F32),
    BF16(Dtype.BF16);

    private final Dtype dtype;

    Format(Dtype dtype) {
      this.dtype = dtype;
    }
  }

  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private ModelOption model;

  @Option(
      names = "--dtype",
      paramLabel = "f32|bf16",
      defaultValue = "bf16",
      description = "Number format of the weights (default: bf16).")
  private Format format;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      required = true,
      description = "The file to write; one that exists is replaced.")
  private Path file;

  @Override
  public Integer call() throws IOException {
    AtomicFile.requireWritable(file);
    try (Device device = halfstep.openDevice();
        DiffusionModel opened = ModelOption.open(model.orBundled(), device)) {
      opened.network().save(file, opened.card(), format.dtype);
    }
    spec.commandLine().getOut().println(file + ": " + Files.size(file) + " bytes");
    return 0;
  }
}
