package org.halfstep.bench.peers;

/**
 * The inputs that every engine is run with: sin(0.37 i) as images, times and labels.
 *
 * @param size images
 * @param channels of an image
 * @param side of an image
 * @param images channels first
 * @param times in 0 .. 1000, one an image
 * @param labels one an image
 */
record Batch(int size, int channels, int side, float[] images, float[] times, long[] labels) {
  private static final float PHASE = 0.37f;
  private static final float FIRST_TIME = 100;

  /** Times 100, 101, … and labels in turn. */
  static Batch of(int size, int channels, int side, int classes) {
    float[] times = new float[size];
    long[] labels = new long[size];
    for (int i = 0; i < size; i++) {
      times[i] = FIRST_TIME + i;
      labels[i] = i % classes;
    }
    return new Batch(size, channels, side, images(size, channels, side), times, labels);
  }

  /** The two images whose results are compared. */
  static Batch check(int channels, int side) {
    return new Batch(
        2,
        channels,
        side,
        images(2, channels, side),
        new float[] {10, 700},
        new long[] {1, 7});
  }

  private static float[] images(int size, int channels, int side) {
    float[] images = new float[size * channels * side * side];
    for (int i = 0; i < images.length; i++) {
      images[i] = (float) Math.sin(i * PHASE);
    }
    return images;
  }

  long[] shape() {
    return new long[] {size, channels, side, side};
  }
}
