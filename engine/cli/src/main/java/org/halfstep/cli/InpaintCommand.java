package org.halfstep.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.halfstep.cli.option.EditOptions;
import org.halfstep.image.Fit;
import org.halfstep.image.ImageBatch;
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

/** Paints a part of a picture anew by a latent model. */
@Command(
    name = "inpaint",
    description = {
      "Paint a part of a picture anew with a latent model: one that was made for it, or an ordinary",
      "one, which is led back to the picture after each step."
    },
    footer = {
      "  halfstep inpaint --model sd15-inpainting --image dog.png \\",
      "    --mask mask.png --prompt 'a cat on a bench' --out out/cat"
    })
final class InpaintCommand implements Callable<Integer>, EditedPictures.Editing {
  /** With fewer steps than this an ordinary network leaves seams. */
  private static final int FEW_STEPS = 4;

  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private EditedPictures pictures;

  @Option(
      names = "--mask",
      paramLabel = "FILE",
      required = true,
      description = "A grey picture: white is painted anew, black stays.")
  private Path mask;

  @Option(
      names = "--strength",
      paramLabel = "S",
      defaultValue = "1",
      description =
          "How far back towards noise the painted part is taken, above 0 to 1 (default: 1, noise"
              + " alone).")
  private double strength;

  @Option(
      names = "--feather",
      paramLabel = "P",
      defaultValue = "0",
      description = "Pixels over which the picture and what was painted are blended (default: 0).")
  private int feather;

  @Option(
      names = "--no-paste",
      description =
          "Leave what the first stage makes of the pixels that stay, in place of the picture's own.")
  private boolean noPaste;

  @Override
  public Integer call() throws IOException {
    return pictures.run(halfstep, spec.commandLine().getOut(), this);
  }

  @Override
  public Edit of(ImageBatch picture, Condition wanted) throws IOException {
    ImageBatch grey = EditOptions.read(mask, 1, picture.height(), picture.width(), Fit.CROP);
    return new Edit(picture, strength, grey, !noPaste, feather);
  }

  @Override
  public String command() {
    return spec.name();
  }

  @Override
  public Map<String, Path> inputs() {
    return Map.of("--mask", mask);
  }

  @Override
  public Optional<String> warning(DiffusionModel opened, SampleRequest request) {
    return request.steps() <= FEW_STEPS && !opened.isInpainting()
        ? Optional.of(
            "this network was not made for inpainting: with so few steps seams will show at the"
                + " mask's edge")
        : Optional.empty();
  }

  @Override
  public List<String> words() {
    List<String> words =
        new ArrayList<>(
            List.of(
                "--strength", Double.toString(strength), "--feather", Integer.toString(feather)));
    if (noPaste) {
      words.add("--no-paste");
    }
    return words;
  }
}
