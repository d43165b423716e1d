package org.halfstep.data;

/**
 * What to open of a dataset.
 *
 * @param split which part
 * @param height rows wanted, or 0 for the files' own
 * @param width columns wanted, or 0 for the files' own
 * @param channels 1 or 3, or 0 for the files' own
 */
public record DatasetOptions(Split split, int height, int width, int channels) {
  public DatasetOptions {
    if (height < 0 || width < 0 || (height == 0) != (width == 0)) {
      throw new IllegalArgumentException(
          "image size " + height + "x" + width + "; expected two positive sides or 0x0");
    }
    if (channels != 0 && channels != 1 && channels != 3) {
      throw new IllegalArgumentException(
          channels + " channels; expected 1 (greyscale), 3 (RGB) or 0 (the files' own)");
    }
  }

  /** A split in the files' own size. */
  public static DatasetOptions of(Split split) {
    return new DatasetOptions(split, 0, 0, 0);
  }

  /** The same with another image size and number of channels. */
  public DatasetOptions withSize(int height, int width, int channels) {
    return new DatasetOptions(split, height, width, channels);
  }
}
