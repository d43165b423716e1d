package org.halfstep.latent;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.halfstep.data.ImageDataset;

/**
 * What latents of a first stage are multiplied by so that their numbers have the variance 1 that
 * diffusion models expect. Source: Rombach et al. (2022), appendix G.
 */
public final class LatentScale {
  /** Pictures that it is measured on at most: they have millions of numbers. */
  private static final int MOST_PICTURES = 1 << 13;

  private LatentScale() {}

  /**
   * One over the standard deviation of all numbers of latents drawn from pictures. The noise is not
   * drawn: the variance that it adds is known.
   *
   * @param stage with an encoder
   * @param pictures of a size that it takes; where there are many, some of them, evenly spread
   * @throws IOException when latents have no spread, or are not finite
   */
  public static double measure(FirstStage stage, ImageDataset pictures) throws IOException {
    int channels = stage.latentChannels();
    int perPixel = stage.isGaussian() ? 2 * channels : channels;
    long values = stage.momentNumbers(pictures.height(), pictures.width());
    int used = Math.min(MOST_PICTURES, pictures.count());
    double sum = 0;
    double squares = 0;
    long count = 0;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment image =
          arena.allocate((long) Float.BYTES * pictures.imageValues(), Float.BYTES);
      MemorySegment moments = arena.allocate(Float.BYTES * values, Float.BYTES);
      for (int k = 0; k < used; k++) {
        int index = (int) ((long) k * pictures.count() / used);
        pictures.copyNormalized(index, false, image, 0);
        stage.moments(1, pictures.height(), pictures.width(), image, moments);
        for (long pixel = 0; pixel < values; pixel += perPixel) {
          for (int c = 0; c < channels; c++) {
            double mean = moments.getAtIndex(ValueLayout.JAVA_FLOAT, pixel + c);
            double deviation =
                stage.isGaussian()
                    ? Posterior.deviation(
                        moments.getAtIndex(ValueLayout.JAVA_FLOAT, pixel + channels + c))
                    : 0;
            sum += mean;
            squares += mean * mean + deviation * deviation;
            count++;
          }
        }
      }
    } catch (ArithmeticException notFinite) {
      throw new IOException(notFinite.getMessage(), notFinite);
    }
    double mean = sum / count;
    double variance = squares / count - mean * mean;
    if (!(variance > 0)) {
      throw new IOException(
          "latents of all pictures are the same: expected some that differ, so that a scaling can"
              + " be measured");
    }
    return 1 / Math.sqrt(variance);
  }
}
