package org.halfstep.latent;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.halfstep.image.ImageBatch;
import org.halfstep.random.Philox;

/**
 * Small pictures of latents, one pixel per latent pixel, without the decoder: colour is a linear
 * map of the latent's channels and 1. It costs nothing beside a step of a sampler, and shows where
 * a picture is going.
 */
public final class LatentPreview {
  /** Latents that the map is fitted to: this many rows and columns. */
  private static final int SIDE = 32;

  /**
   * They are constant over patches of this many rows and columns: a decoder blurs single pixels.
   */
  private static final int PATCH = 4;

  private static final long SEED = 1;

  private final int channels;
  private final int colours;

  /** A row for each latent channel and one for 1, a column for each colour; -1 to 1. */
  private final DMatrixRMaj map;

  private LatentPreview(int channels, int colours, DMatrixRMaj map) {
    this.channels = channels;
    this.colours = colours;
    this.map = map;
  }

  /** Fits the map to patches of normal latents and what the decoder makes of them. */
  static LatentPreview fit(FirstStage stage) {
    int channels = stage.latentChannels();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment latents =
          arena.allocate((long) Float.BYTES * SIDE * SIDE * channels, Float.BYTES);
      int patches = SIDE / PATCH;
      for (int i = 0; i < SIDE * SIDE * channels; i++) {
        int pixel = i / channels;
        int patch = pixel / SIDE / PATCH * patches + pixel % SIDE / PATCH;
        double number = Philox.normal(SEED, 0, Posterior.DRAW, patch * channels + i % channels);
        latents.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) number);
      }
      int side = SIDE * stage.factor();
      MemorySegment image =
          arena.allocate((long) Float.BYTES * side * side * stage.imageChannels(), Float.BYTES);
      stage.decode(1, SIDE, SIDE, latents, image);
      return fit(latents, SIDE, SIDE, channels, image, stage.factor(), stage.imageChannels());
    }
  }

  /**
   * The map that is nearest, in least squares, to the means of the pixels under each latent pixel.
   *
   * @param latents float32, height x width x channels
   * @param image float32, factor height x factor width x colours
   */
  static LatentPreview fit(
      MemorySegment latents,
      int height,
      int width,
      int channels,
      MemorySegment image,
      int factor,
      int colours) {
    DMatrixRMaj known = new DMatrixRMaj(height * width, channels + 1);
    DMatrixRMaj wanted = new DMatrixRMaj(height * width, colours);
    for (int p = 0; p < height * width; p++) {
      for (int c = 0; c < channels; c++) {
        long at = (long) p * channels + c;
        known.set(p, c, latents.getAtIndex(ValueLayout.JAVA_FLOAT, at));
      }
      known.set(p, channels, 1);
    }
    for (int y = 0; y < factor * height; y++) {
      for (int x = 0; x < factor * width; x++) {
        int p = y / factor * width + x / factor;
        for (int c = 0; c < colours; c++) {
          long at = ((long) y * factor * width + x) * colours + c;
          wanted.add(p, c, image.getAtIndex(ValueLayout.JAVA_FLOAT, at) / factor / factor);
        }
      }
    }
    DMatrixRMaj map = new DMatrixRMaj(channels + 1, colours);
    if (!CommonOps_DDRM.solve(known, wanted, map)) {
      throw new ArithmeticException(
          "no preview can be fitted: the latents that it was fitted to do not vary");
    }
    return new LatentPreview(channels, colours, map);
  }

  /**
   * Pictures of latents.
   *
   * @param latents float32, count x height x width x latent channels
   * @return images of {@code height x width} pixels
   */
  public ImageBatch render(int count, int height, int width, MemorySegment latents) {
    byte[] pixels =
        new byte[Math.multiplyExact(Math.multiplyExact(count, colours), height * width)];
    for (int i = 0; i < pixels.length; i++) {
      long first = (long) (i / colours) * channels;
      double colour = map.get(channels, i % colours);
      for (int c = 0; c < channels; c++) {
        colour +=
            map.get(c, i % colours)
                * latents.get(ValueLayout.JAVA_FLOAT_UNALIGNED, Float.BYTES * (first + c));
      }
      pixels[i] = (byte) Math.clamp(Math.round((colour + 1) * 127.5), 0, 255);
    }
    return new ImageBatch(count, height, width, colours, pixels);
  }
}
