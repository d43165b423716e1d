package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.halfstep.checkpoint.AdmFile;
import org.halfstep.checkpoint.BundledCheckpoint;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.FolderWriter;
import org.halfstep.checkpoint.OwnFile;
import org.halfstep.checkpoint.SingleFileWriter;
import org.halfstep.checkpoint.TinyClip;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.checkpoint.WriteOptions;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.option.CheckpointOption;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.device.Device;
import org.halfstep.files.AtomicFile;
import org.halfstep.files.AtomicFolder;
import org.halfstep.model.BundledFile;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.halfstep.safetensors.Dtype;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Reads a model in any layout and writes it in any other, and in another number format. */
@Command(
    name = "convert",
    description = {
      "Convert a model between layouts (a folder of diffusers, a single file, a .ckpt) and number"
          + " formats.",
      "Models of Halfstep's own keep their layout; pixel networks of guided-diffusion, and EDM's of the"
          + " consistency models' release, become such models."
    },
    footer = {
      "  halfstep convert --model v1-5-pruned.ckpt --tokenizer data/clip \\",
      "    --dtype f16 --out sd15",
      "  halfstep convert --model sd15 --out sd15.safetensors",
      "  halfstep convert --tiny out/tiny"
    })
final class ConvertCommand implements Callable<Integer> {
  /** The number formats of weights. */
  enum Format {
    F32(Dtype.F32),
    BF16(Dtype.BF16),
    F16(Dtype.F16);

    private final Dtype dtype;

    Format(Dtype dtype) {
      this.dtype = dtype;
    }
  }

  private static final List<String> FILE_ENDINGS = List.of(".safetensors", ".ckpt", ".pt", ".pth");

  private static final int MOST_SHARD_MEGABYTES = 1 << 20;
  private static final long MEGABYTE = 1_000_000;

  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private CheckpointOption checkpoint;

  @Option(
      names = "--model",
      paramLabel = "PATH|NAME",
      description = "A folder, a file, or the name of a bundled model.")
  private String model;

  @Option(
      names = "--out",
      paramLabel = "PATH",
      description =
          "What to write: a file that ends in .safetensors or .ckpt, or a folder that is not there"
              + " yet.")
  private Path out;

  @Option(
      names = "--dtype",
      paramLabel = "f32|bf16|f16",
      description = "Number format of the weights (default: what each tensor has).")
  private Format format;

  @Option(
      names = "--out-variant",
      paramLabel = "NAME",
      description = "What to call the weights in the folder that is written, such as fp16.")
  private String outVariant;

  @Option(
      names = "--shards",
      paramLabel = "MB",
      description = "Split each network of a folder into files of at most this many megabytes.")
  private Integer shards;

  @Option(
      names = "--tiny",
      paramLabel = "FOLDER",
      description =
          "Write a whole model of a few megabytes in every layout, to try the commands on; its"
              + " pictures show nothing.")
  private Path tiny;

  @Override
  public Integer call() throws IOException {
    PrintWriter console = spec.commandLine().getOut();
    if (tiny != null) {
      if (model != null || out != null) {
        throw new InputException("--tiny writes a model of its own: leave out --model and --out");
      }
      for (Path written : TinyPipeline.write(tiny)) {
        report(console, written);
      }
      report(console, TinyClip.write(tiny.resolve("clip")));
      return 0;
    }
    if (model == null || out == null) {
      throw new InputException("expected --model PATH and --out PATH, or --tiny FOLDER");
    }
    if (BundledCheckpoint.names().contains(model) && !Files.exists(Path.of(model))) {
      convertCheckpoint(console, BundledCheckpoint::open);
    } else if (BundledFile.exists(model) && !Files.exists(Path.of(model))) {
      BundledFile.read(
          model,
          path -> {
            convertOwn(model, path);
            return null;
          });
    } else if (!Files.exists(Path.of(model))) {
      throw new InputException(model + ": there is no such file or folder, and no bundled model");
    } else if (OwnFile.matches(Path.of(model))) {
      convertOwn(model, Path.of(model));
    } else if (AdmFile.matches(Path.of(model))) {
      convertAdm(console, Path.of(model));
    } else {
      convertCheckpoint(console, name -> Checkpoint.open(Path.of(name), checkpoint.options()));
    }
    report(console, out);
    return 0;
  }

  private static void report(PrintWriter console, Path written) throws IOException {
    long bytes;
    try (Stream<Path> files = Files.walk(written)) {
      bytes = files.filter(Files::isRegularFile).mapToLong(file -> file.toFile().length()).sum();
    }
    console.println(written + ": " + Sizes.bytes(bytes));
  }

  private Dtype dtype() {
    return format == null ? null : format.dtype;
  }

  private void convertOwn(String name, Path path) throws IOException {
    if (!out.toString().endsWith(".safetensors")) {
      throw new InputException(
          name + ": is a model of Halfstep's own, which is a .safetensors file; got --out " + out);
    }
    AtomicFile.requireWritable(out);
    try (Device device = halfstep.openDevice()) {
      // What cannot be opened is not worth another format.
      ModelOption.open(name, device).close();
    }
    OwnFile.convert(path, out, dtype());
  }

  /** A pixel network of others becomes a file of ours, which says what it is. */
  private void convertAdm(PrintWriter console, Path path) throws IOException {
    if (!out.toString().endsWith(".safetensors")) {
      throw new InputException(
          path + ": becomes a model of Halfstep's own, a .safetensors file; got --out " + out);
    }
    AtomicFile.requireWritable(out);
    try (Device device = halfstep.openDevice();
        Network<UNetConfig, ModelCard> network =
            AdmFile.open(device, path, checkpoint.options().config(), Network.DEFAULT_MEMORY)) {
      console.println(
          "pixel network: " + Sizes.count(network.graph().parameterCount(), "parameter"));
      if (network.architecture().isConditional()) {
        console.println(
            "it was never without a class: train --from "
                + out
                + " teaches it that before it can be guided or distilled");
      }
      network.save(out, network.card(), dtype() == null ? Dtype.F32 : dtype());
    }
  }

  /** Opens what {@code --model} names. */
  @FunctionalInterface
  private interface Opener {
    Checkpoint open(String name) throws IOException;
  }

  private void convertCheckpoint(PrintWriter console, Opener opener) throws IOException {
    boolean isFile = FILE_ENDINGS.stream().anyMatch(out.toString()::endsWith);
    if (isFile && (shards != null || outVariant != null || checkpoint.tokenizer() != null)) {
      throw new InputException(
          "--shards, --out-variant and --tokenizer are for folders, and --out "
              + out
              + " is a file");
    }
    if (shards != null && (shards < 1 || shards > MOST_SHARD_MEGABYTES)) {
      throw new InputException(
          "--shards: expected 1 to " + MOST_SHARD_MEGABYTES + ", got " + shards);
    }
    if (isFile) {
      AtomicFile.requireWritable(out);
    } else {
      AtomicFolder.requireWritable(out);
    }
    try (Checkpoint opened = opener.open(model)) {
      describe(console, opened);
      WriteOptions write =
          new WriteOptions(
              dtype(), outVariant, shards == null ? 0 : shards * MEGABYTE, checkpoint.tokenizer());
      if (isFile) {
        SingleFileWriter.write(opened, out, write);
      } else {
        FolderWriter.write(opened, out, write).forEach(note -> console.println(out + ": " + note));
      }
    }
  }

  private static void describe(PrintWriter console, Checkpoint opened) {
    opened.notes().forEach(console::println);
    for (Component component : new TreeMap<>(opened.components()).values()) {
      console.println(
          component.part().name().toLowerCase(Locale.ROOT).replace('_', ' ')
              + ": "
              + Sizes.count(component.network().parameters(), "parameter"));
    }
  }
}
