package org.halfstep.data;

import java.util.List;
import org.halfstep.image.Fit;

/**
 * What to open of a dataset.
 *
 * @param split which part
 * @param height rows wanted, or 0 for the files' own
 * @param width columns wanted, or 0 for the files' own
 * @param channels 1 or 3, or 0 for the files' own
 * @param fit how pictures of another shape become one of the shape wanted
 * @param classes the classes that labels count through, by name; empty for the data's own
 */
public record DatasetOptions(
    Split split, int height, int width, int channels, Fit fit, List<String> classes) {
  private static final int MAXIMUM_SIDE = 1 << 14;

  public DatasetOptions {
    classes = List.copyOf(classes);
    if (height < 0
        || width < 0
        || height > MAXIMUM_SIDE
        || width > MAXIMUM_SIDE
        || (height == 0) != (width == 0)) {
      throw new IllegalArgumentException(
          "image size "
              + height
              + "x"
              + width
              + "; expected two sides from 1 to "
              + MAXIMUM_SIDE
              + ", or 0x0");
    }
    if (channels != 0 && channels != 1 && channels != 3) {
      throw new IllegalArgumentException(
          channels + " channels; expected 1 (greyscale), 3 (RGB) or 0 (the files' own)");
    }
  }

  /** A split in the files' own size, its classes by the data's own numbers. */
  public static DatasetOptions of(Split split) {
    return new DatasetOptions(split, 0, 0, 0, Fit.CROP, List.of());
  }

  /** The same with another image size and number of channels. */
  public DatasetOptions withSize(int height, int width, int channels) {
    return new DatasetOptions(split, height, width, channels, fit, classes);
  }

  /** The same with another way to bring pictures to a shape. */
  public DatasetOptions withFit(Fit newFit) {
    return new DatasetOptions(split, height, width, channels, newFit, classes);
  }

  /**
   * The same with labels that count through the classes of a model: a class is known by its name,
   * and one that the model does not have is refused.
   */
  public DatasetOptions withClasses(List<String> names) {
    return new DatasetOptions(split, height, width, channels, fit, names);
  }
}
