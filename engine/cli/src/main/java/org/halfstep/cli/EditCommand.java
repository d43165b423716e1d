package org.halfstep.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.halfstep.image.ImageBatch;
import org.halfstep.sample.Edit;
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
      "as a text says (SDEdit)."
    },
    footer = {
      "  halfstep edit --model sd15 --image house.jpg --size 512x512 \\",
      "    --prompt 'a house in the snow' --strength 0.6 --out out/snow"
    })
final class EditCommand implements Callable<Integer>, EditedPictures.Editing {
  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private EditedPictures pictures;

  @Option(
      names = "--strength",
      paramLabel = "S",
      defaultValue = "" + Edit.DEFAULT_STRENGTH,
      description =
          "How far back, above 0 to 1: of N steps int(N S) are run, of a student's rint(N S)"
              + " (default: "
              + Edit.DEFAULT_STRENGTH
              + ").")
  private double strength;

  @Override
  public Integer call() throws IOException {
    return pictures.run(halfstep, spec.commandLine().getOut(), this);
  }

  @Override
  public Edit of(ImageBatch picture) {
    return Edit.of(picture, strength);
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
    return List.of("--strength", Double.toString(strength));
  }
}
