package org.halfstep.cli.option;

import java.io.IOException;
import java.nio.file.Path;
import org.halfstep.cli.console.InputException;
import org.halfstep.image.Fit;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageFile;
import org.halfstep.sample.Condition;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.Edit;
import org.halfstep.sample.SampleRequest;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What the commands that begin with a picture have in common. */
public final class EditOptions {
  /** Largest picture that is taken in its own size. */
  private static final int LARGEST_SIDE = 2048;

  @Option(
      names = "--image",
      paramLabel = "FILE",
      required = true,
      description = "The picture to begin with: a PNG or JPEG file.")
  private Path image;

  @Mixin private PromptOptions prompts;
  @Mixin private SamplerOptions sampler;

  @Option(
      names = "--labels",
      paramLabel = "LIST",
      description = "Classes by number, for models of classes (default: 0).")
  private String labels;

  @Option(
      names = "--count",
      paramLabel = "N",
      description = "Pictures altogether, the prompts taken in turn (default: one of each).")
  private Integer count;

  @Option(
      names = "--first-image",
      paramLabel = "K",
      defaultValue = "0",
      description = "Number of the first picture (default: 0).")
  private long firstImage;

  @Option(
      names = {"--guidance", "-w"},
      paramLabel = "W",
      description =
          "Guidance strength w of (1 + w) conditional - w unconditional: 0 for none. Programs that"
              + " count a guidance scale call this 1 + w (default: 6.5 of a model of texts).")
  private Double guidance;

  @Option(
      names = "--grid",
      paramLabel = "FILE",
      description = "All pictures as one PNG (default: out/sample.png, unless --out is given).")
  private Path grid;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      description = "Each picture as a PNG of its own: seed-S-image-K.png.")
  private Path folder;

  @Option(
      names = "--beside",
      paramLabel = "FILE",
      description =
          "Also one PNG with a row for each result: the picture, the mask if there is one, and it.")
  private Path beside;

  /** The picture's file. */
  public Path image() {
    return image;
  }

  /** The picture of all results; null for none. */
  public Path grid() {
    return grid;
  }

  /** The folder of a picture of each result; null for none. */
  public Path folder() {
    return folder;
  }

  /** The picture of each result beside what it was made of; null for none. */
  public Path beside() {
    return beside;
  }

  /** How many kinds of pictures were asked for. */
  public int kinds() {
    return Math.max(1, prompts.prompts().size());
  }

  /** What is done with a picture. */
  @FunctionalInterface
  public interface Change {
    /**
     * An edit.
     *
     * @param picture in the request's size
     * @param wanted what each result shows
     */
    Edit of(ImageBatch picture, Condition wanted) throws IOException;
  }

  /**
   * The request for a model.
   *
   * @param change makes an edit of the picture, which has the request's size
   */
  public SampleRequest request(DiffusionModel model, Change change) throws IOException {
    if (firstImage < 0) {
      throw new InputException("--first-image must be at least 0, got " + firstImage);
    }
    Condition condition = condition(model);
    Edit edit;
    try {
      edit = change.of(picture(), condition);
    } catch (IllegalArgumentException refused) {
      throw new InputException(refused.getMessage(), refused);
    }
    return sampler.request(
        model, condition, guidance, plain -> plain.withFirstImage(firstImage).withEdit(edit));
  }

  private Condition condition(DiffusionModel model) {
    if (model.takesPrompts()) {
      if (labels != null) {
        throw new InputException(
            "this model makes pictures of texts: it takes --prompt, no labels");
      }
      int number =
          count == null ? prompts.requirePrompts().size() : Bounds.images("--count", count);
      return prompts.condition(number);
    }
    int[] chosen = LabelList.parse(labels == null ? "0" : labels, model);
    int number = count == null ? chosen.length : Bounds.images("--count", count);
    return Condition.labels(LabelList.inTurn(chosen, number));
  }

  /** The picture in the size that was asked for, else in its own, cut to whole latents. */
  private ImageBatch picture() throws IOException {
    int[] size = prompts.size();
    if (size == null) {
      ImageFile.Pixels own = ImageFile.read(image, 3);
      if (own.height() > LARGEST_SIDE || own.width() > LARGEST_SIDE) {
        throw new InputException(
            image
                + ": has "
                + own.width()
                + "x"
                + own.height()
                + " pixels: say how large the result is to be with --size WxH");
      }
      size = new int[] {whole(own.width()), whole(own.height())};
    }
    return read(image, 3, size[1], size[0], Fit.CROP);
  }

  /** Latents stand for 8 pixels, and UNets halve them up to three times, without a remainder. */
  private static int whole(int side) {
    return Math.max(8, side / 8 * 8);
  }

  /** A picture in a size, of 8 bits. */
  public static ImageBatch read(Path file, int channels, int height, int width, Fit fit)
      throws IOException {
    float[] values = ImageFile.read(file, channels, height, width, fit).values();
    byte[] pixels = new byte[values.length];
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (byte) Math.clamp(Math.round(values[i]), 0, 255);
    }
    return new ImageBatch(1, height, width, channels, pixels);
  }
}
