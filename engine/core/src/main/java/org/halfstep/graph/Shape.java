package org.halfstep.graph;

/** The shape of one sample: height and width in pixels, channels last. A vector has one pixel. */
public record Shape(int height, int width, int channels) {
  public Shape {
    if (height < 1 || width < 1 || channels < 1) {
      throw new IllegalArgumentException(
          "shape must be positive, got " + height + "x" + width + "x" + channels);
    }
  }

  public static Shape vector(int channels) {
    return new Shape(1, 1, channels);
  }

  public int pixels() {
    return height * width;
  }

  /** Elements of one sample. */
  public int size() {
    return height * width * channels;
  }

  @Override
  public String toString() {
    return height + "x" + width + "x" + channels;
  }
}
