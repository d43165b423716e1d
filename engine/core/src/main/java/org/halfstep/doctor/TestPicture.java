package org.halfstep.doctor;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.halfstep.image.Fit;
import org.halfstep.image.ImageFile;

/** A picture whose way to latents and back is measured: the user's, or a drawn one. */
final class TestPicture {
  static final int CHANNELS = 3;
  private static final float HALF_RANGE = 127.5f;

  /** Radius of the disc in the drawn picture, in sides. */
  private static final double RADIUS = 0.25;

  private TestPicture() {}

  /** Numbers of a square picture. */
  static long numbers(int side) {
    return (long) side * side * CHANNELS;
  }

  /**
   * Writes a picture as float32 in [-1, 1], HWC.
   *
   * @param file a picture, whose middle is taken; null for colours that change from side to side
   *     around a disc
   */
  static void write(Path file, int side, MemorySegment destination) throws IOException {
    if (file == null) {
      draw(side, destination);
      return;
    }
    float[] values = ImageFile.read(file, CHANNELS, side, side, Fit.CROP).values();
    for (int i = 0; i < values.length; i++) {
      float value = Math.clamp(values[i], 0, 2 * HALF_RANGE) / HALF_RANGE - 1;
      destination.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
    }
  }

  private static void draw(int side, MemorySegment destination) {
    for (int y = 0; y < side; y++) {
      for (int x = 0; x < side; x++) {
        double across = (x + 0.5) / side;
        double down = (y + 0.5) / side;
        boolean inside = Math.hypot(across - 0.5, down - 0.5) < RADIUS;
        double[] colour =
            inside ? new double[] {1 - across, across, 1 - down} : new double[] {across, down, 0.5};
        for (int channel = 0; channel < CHANNELS; channel++) {
          destination.setAtIndex(
              ValueLayout.JAVA_FLOAT,
              ((long) y * side + x) * CHANNELS + channel,
              (float) (2 * colour[channel] - 1));
        }
      }
    }
  }

  /** Peak signal-to-noise ratio in decibels of two pictures in [-1, 1]. */
  static double signalToNoise(MemorySegment a, MemorySegment b) {
    long count = a.byteSize() / Float.BYTES;
    double squares = 0;
    for (long i = 0; i < count; i++) {
      double difference =
          a.getAtIndex(ValueLayout.JAVA_FLOAT, i) - b.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      squares += difference * difference;
    }
    return 10 * Math.log10(4 / (squares / count));
  }
}
