package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import org.halfstep.cli.console.ErrorLine;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.StopSignal;
import org.halfstep.cli.option.Bounds;
import org.halfstep.cli.option.LatentOption;
import org.halfstep.cli.option.MemoryOption;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.cli.option.PrecisionOption;
import org.halfstep.cli.option.PromptOptions;
import org.halfstep.data.PictureFolder;
import org.halfstep.device.Device;
import org.halfstep.device.Owned;
import org.halfstep.files.AtomicFile;
import org.halfstep.sample.Cancellation;
import org.halfstep.sample.Condition;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.SampleRequest;
import org.halfstep.sample.StyleTransfer;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Makes pictures of one kind into pictures of another. */
@Command(
    name = "transfer",
    description = {
      "Make pictures of one class, or one text, into pictures of another: each is taken to the noise that gives it,",
      "and something else is made of that noise. Says how far pictures come back when nothing is changed."
    },
    footer = {
      "  halfstep transfer --encoder out/encoders/encoder-16.safetensors \\",
      "    --model out/students/student-16.safetensors --from Sneaker --to 'Ankle boot' \\",
      "    --image sneakers --out out/boots",
      "  halfstep transfer --model fashion-mnist-teacher --steps 16 --from Sneaker \\",
      "    --to 'Ankle boot' --image sneaker.png --grid out/boot.png"
    })
final class TransferCommand implements Callable<Integer> {
  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private MemoryOption memory;
  @Mixin private PrecisionOption precision;
  @Mixin private LatentOption latent;

  @Option(
      names = "--model",
      paramLabel = "FILE|NAME",
      required = true,
      description =
          "What makes the images: a student, or a teacher, of pixels or of latents (see 'halfstep info').")
  private String model;

  @Option(
      names = "--encoder",
      paramLabel = "FILE|NAME",
      description =
          "What takes pictures to noise: an encoder that 'distill --encoder' made, or a teacher (default: --model"
              + " itself, which is a teacher then: DDIM both ways).")
  private String encoder;

  @Option(
      names = "--teacher",
      paramLabel = "FILE|NAME",
      description = "Also DDIM both ways on this teacher, with as many steps, to compare with.")
  private String teacher;

  @Option(
      names = "--from",
      paramLabel = "CLASS|TEXT",
      required = true,
      description = "What the pictures show.")
  private String from;

  @Option(
      names = "--to",
      paramLabel = "CLASS|TEXT",
      required = true,
      description = "What is made of them.")
  private String to;

  @Option(
      names = "--image",
      paramLabel = "FILE|FOLDER",
      required = true,
      description = "A picture, PNG or JPEG, or all below a folder; cut and scaled to the size.")
  private Path image;

  @Option(
      names = "--size",
      paramLabel = "WxH",
      description =
          "Of latent models: width and height in pixels (default: what the model was made for).")
  private String size;

  @Option(
      names = "--steps",
      paramLabel = "N",
      description = "Steps each way of models that were not distilled for a number (default: 16).")
  private Integer steps;

  @Option(
      names = {"--guidance", "-w"},
      paramLabel = "W",
      description = "Guidance strength w of what is made (default: 0, or the least of a student).")
  private Double guidance;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      description = "Each result as a PNG, named after its picture and what it shows.")
  private Path folder;

  @Option(
      names = "--grid",
      paramLabel = "FILE",
      description =
          "One PNG with a row for each picture, up to 64: it, it brought back, what was made of it; with --teacher"
              + " the latter two by the teacher as well (default: out/transfer.png, unless --out is given).")
  private Path grid;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "The numbers of the round trips as JSON.")
  private Path json;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    Path wholeGrid = grid == null && folder == null ? Path.of("out", "transfer.png") : grid;
    if (folder != null) {
      AtomicFile.requireWritableFolder(folder);
    }
    for (Path file : new Path[] {wholeGrid, json}) {
      if (file != null) {
        AtomicFile.requireWritable(file);
      }
    }
    List<Path> files = files(out);
    Cancellation cancellation = new Cancellation();
    try (Owned owned = new Owned()) {
      Device device = owned.add(halfstep.openDevice());
      ModelOptions options =
          memory.on(device).withPrecision(precision.on(device)).withLatent(latent.options());
      DiffusionModel decoder = owned.add(ModelOption.openAny(model, options));
      DiffusionModel first =
          encoder == null ? decoder : owned.add(ModelOption.openAny(encoder, options));
      StyleTransfer transfer = transfer(first, decoder);
      StyleTransfer baseline = null;
      if (teacher != null) {
        DiffusionModel compared = owned.add(ModelOption.openAny(teacher, options));
        baseline = baseline(compared, transfer);
      }
      TransferWork work =
          new TransferWork(
              out,
              transfer,
              baseline,
              new TransferWork.Names(encoder == null ? model : encoder, model, teacher, from, to),
              ErrorLine.typed(spec.commandLine()));
      StopSignal stop = owned.add(new StopSignal(cancellation::cancel));
      try {
        work.run(
            files,
            size(decoder),
            condition(decoder, from),
            condition(decoder, to),
            new TransferWork.Outputs(folder, wholeGrid, json),
            cancellation);
        return 0;
      } catch (CancellationException stopped) {
        if (!stop.getAsBoolean()) {
          throw stopped;
        }
        out.println(folder == null ? "stopped" : "stopped; what was made is in " + folder);
        return ErrorLine.INTERRUPTED;
      }
    }
  }

  private List<Path> files(PrintWriter out) throws IOException {
    if (!Files.isDirectory(image)) {
      return List.of(image);
    }
    try (PictureFolder pictures = PictureFolder.open(image)) {
      pictures.notes().forEach(out::println);
      return List.copyOf(pictures.files());
    }
  }

  private StyleTransfer transfer(DiffusionModel first, DiffusionModel decoder) {
    try {
      StyleTransfer transfer = StyleTransfer.of(first, decoder);
      if (steps != null) {
        int number = Bounds.whole("--steps", steps, 1, SampleRequest.MOST_STEPS);
        if (first.card().hasOwnSteps() && decoder.card().hasOwnSteps()) {
          throw new InputException(
              "--steps: encoder and model were distilled for steps of their own; leave it out");
        }
        transfer = transfer.withSteps(number);
      }
      return guidance == null ? transfer : transfer.withGuidance(guidance);
    } catch (IllegalArgumentException refused) {
      throw new InputException(refused.getMessage(), refused);
    }
  }

  private StyleTransfer baseline(DiffusionModel compared, StyleTransfer transfer) {
    if (compared.card().hasOwnSteps()) {
      throw new InputException(
          "--teacher "
              + teacher
              + ": was distilled; the baseline is a teacher that runs both ways");
    }
    try {
      return new StyleTransfer(
          compared,
          transfer.encoderSteps(),
          compared,
          transfer.decoderSteps(),
          transfer.guidance());
    } catch (IllegalArgumentException refused) {
      throw new InputException("--teacher " + teacher + ": " + refused.getMessage(), refused);
    }
  }

  /** Height and width of the pictures. */
  private int[] size(DiffusionModel decoder) {
    SampleRequest usual = decoder.request(Condition.none(1));
    if (size == null) {
      return new int[] {decoder.height(usual), decoder.width(usual)};
    }
    if (!decoder.isLatent()) {
      throw new InputException("--size: is for latent models; this one has a size of its own");
    }
    int[] given = PromptOptions.size(size);
    return new int[] {given[1], given[0]};
  }

  private static Condition condition(DiffusionModel decoder, String shown) {
    return decoder.takesPrompts()
        ? Condition.prompts(shown)
        : Condition.labels(decoder.labels(shown));
  }
}
