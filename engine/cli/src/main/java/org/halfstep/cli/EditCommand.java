package org.halfstep.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.halfstep.cli.console.InputException;
import org.halfstep.image.ImageBatch;
import org.halfstep.metrics.PixelErrors;
import org.halfstep.sample.Cancellation;
import org.halfstep.sample.Condition;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.Edit;
import org.halfstep.sample.SampleRequest;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Changes a picture by a latent model. */
@Command(
    name = "edit",
    description = {
      "Change a picture with a latent model: it is taken back some way towards noise, and denoised",
      "as a text says (SDEdit). With --source it is taken back to its own noise, and keeps its layout",
      "(DDIM inversion)."
    },
    footer = {
      "  halfstep edit --model sd15 --image house.jpg --size 512x512 \\",
      "    --prompt 'a house in the snow' --strength 0.6 --out out/snow",
      "  halfstep edit --model sd15 --image dog.jpg --size 512x512 --source 'a dog' \\",
      "    --prompt 'a cat' --guidance 2 --beside out/cat.png"
    })
final class EditCommand implements Callable<Integer>, EditedPictures.Editing {
  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private EditedPictures pictures;

  @Option(
      names = "--strength",
      paramLabel = "S",
      description =
          "How far back, above 0 to 1: of N steps int(N S) are run, of a student's rint(N S); a"
              + " consistency model spreads its steps (default: "
              + Edit.DEFAULT_STRENGTH
              + ", with --source 1).")
  private Double strength;

  @Option(
      names = "--source",
      paramLabel = "TEXT",
      description =
          "What the picture shows, of a model of classes its class: it is taken back to the noise"
              + " that gives it under this text, in place of random noise. An empty text may do.")
  private String source;

  @Option(
      names = "--strip",
      paramLabel = "FILE",
      description =
          "Also a row of pictures as one PNG: the one that is edited, then edits of growing"
              + " strength, one for each of up to 8 steps, else four.")
  private Path strip;

  @Option(
      names = "--round-trip",
      description =
          "With --source: also say how far the picture comes back under its own text, without guidance. Takes as"
              + " long as a picture.")
  private boolean roundTrip;

  @Override
  public Integer call() throws IOException {
    if (roundTrip && source == null) {
      throw new InputException("--round-trip: belongs to --source, which is not given");
    }
    return pictures.run(halfstep, spec.commandLine().getOut(), this);
  }

  private double strength() {
    return strength != null ? strength : source == null ? Edit.DEFAULT_STRENGTH : 1;
  }

  @Override
  public Edit of(ImageBatch picture, Condition wanted) {
    return source == null
        ? Edit.of(picture, strength())
        : Edit.inverting(picture, strength(), source(wanted));
  }

  /** The same for every image. */
  private Condition source(Condition wanted) {
    if (wanted instanceof Condition.Prompts) {
      return Condition.prompts(Collections.nCopies(wanted.count(), source), "");
    }
    int[] labels = new int[wanted.count()];
    try {
      Arrays.fill(labels, Integer.parseInt(source.strip()));
    } catch (NumberFormatException none) {
      throw new InputException(
          "--source: this model makes pictures of classes, expected a number, got \""
              + source
              + "\"",
          none);
    }
    return Condition.labels(labels);
  }

  @Override
  public Optional<String> afterwards(
      DiffusionModel opened, SampleRequest request, Cancellation cancellation) {
    if (!roundTrip) {
      return Optional.empty();
    }
    SampleRequest one = request.slice(0, 1);
    SampleRequest back = one.withCondition(one.edit().source()).withGuidance(0);
    PixelErrors errors = new PixelErrors();
    errors.add(one.edit().image().first(1), opened.sample(back, cancellation));
    return Optional.of(
        String.format(
            Locale.ROOT,
            "round trip: RMSE %.3f of 255, PSNR %.2f dB",
            errors.rootMeanSquare(),
            errors.signalToNoise()));
  }

  @Override
  public String command() {
    return spec.name();
  }

  @Override
  public Map<String, Path> inputs() {
    return Map.of();
  }

  @Override
  public List<String> words() {
    List<String> words = new ArrayList<>(List.of("--strength", Double.toString(strength())));
    if (source != null) {
      words.addAll(List.of("--source", source));
    }
    return words;
  }

  @Override
  public Path strip() {
    return strip;
  }
}
