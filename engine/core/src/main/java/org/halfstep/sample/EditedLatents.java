package org.halfstep.sample;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.halfstep.image.ImageBatch;
import org.halfstep.latent.FirstStage;
import org.halfstep.latent.LatentDraw;

/**
 * A picture and its mask as a latent model sees them, and the picture's own pixels put back where
 * nothing was painted. Source: specification 7.2 to 7.4.
 *
 * @param request what is made; with or without a picture
 * @param factor pixels of an image per pixel of a latent, in each direction
 * @param height of a latent
 * @param width of a latent
 * @param channels of a latent
 */
record EditedLatents(SampleRequest request, int factor, int height, int width, int channels) {
  private static final float HALF_RANGE = 127.5f;

  private int pixels() {
    return height * width;
  }

  /** A number of an image of 8 bits, in [-1, 1]. */
  static float normalized(byte value) {
    return (value & 0xff) / HALF_RANGE - 1;
  }

  /**
   * Which latent an image's picture gets.
   *
   * @param before tensors that another program draws from an image's seed before it
   */
  private LatentDraw draw(int before) {
    long first = request.firstImage();
    return request.noise() == NoiseSource.OWN
        ? LatentDraw.sample(request.seed(), first)
        : new LatentDraw(
            (image, values) ->
                request.noise().write(request.seed() + first + image, before, channels, values));
  }

  /**
   * The latents that the images begin with: of an inverted picture the means, else a sample for
   * each.
   *
   * @param leadsBack whether an ordinary network paints the mask's part, and is led back elsewhere
   */
  KnownImage known(FirstStage firstStage, boolean leadsBack, Arena arena) {
    ImageBatch image = request.edit().image();
    LatentDraw draw = request.edit().source() == null ? draw(0) : LatentDraw.mode();
    MemorySegment latents = latents(arena);
    firstStage.encode(image, request.count(), draw, latents);
    return new KnownImage(latents, leadsBack ? painted() : null);
  }

  /** Room for a latent of each image. */
  private MemorySegment latents(Arena arena) {
    return arena.allocate((long) Float.BYTES * request.count() * pixels() * channels, Long.BYTES);
  }

  /** The mask at a latent's size: each pixel is the one of the mask at its upper left corner. */
  private boolean[] painted() {
    boolean[] painted = new boolean[pixels()];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        painted[y * width + x] =
            request.edit() == null || request.edit().paints(factor * y, factor * x);
      }
    }
    return painted;
  }

  /**
   * What an inpainting network sees beside the latent: the mask, 1 where something is painted, and
   * the latents of the picture with mid grey in place of that. Without a picture everything is
   * painted.
   *
   * @param before tensors that another program draws from an image's seed before these latents
   */
  MemorySegment beside(FirstStage firstStage, int before, Arena arena) {
    int count = request.edit() == null ? 1 : request.edit().image().count();
    int rows = factor * height;
    int columns = factor * width;
    int values = rows * columns * 3;
    MemorySegment masked = arena.allocate((long) Float.BYTES * count * values, Long.BYTES);
    if (request.edit() != null) {
      byte[] image = request.edit().image().pixels();
      for (int i = 0; i < count * values; i++) {
        int pixel = i % values / 3;
        boolean isPainted = request.edit().paints(pixel / columns, pixel % columns);
        masked.setAtIndex(ValueLayout.JAVA_FLOAT, i, isPainted ? 0 : normalized(image[i]));
      }
    }
    MemorySegment latents = latents(arena);
    firstStage.encode(count, request.count(), rows, columns, masked, draw(before), latents);
    boolean[] painted = painted();
    MemorySegment beside =
        arena.allocate(
            (long) Float.BYTES * request.count() * pixels() * (1 + channels), Long.BYTES);
    for (int pixel = 0; pixel < request.count() * pixels(); pixel++) {
      long to = (long) pixel * (1 + channels);
      beside.setAtIndex(ValueLayout.JAVA_FLOAT, to, painted[pixel % pixels()] ? 1 : 0);
      MemorySegment.copy(
          latents,
          (long) Float.BYTES * pixel * channels,
          beside,
          Float.BYTES * (to + 1),
          (long) Float.BYTES * channels);
    }
    return beside;
  }

  /**
   * Puts the picture's own pixels back where nothing was painted.
   *
   * @param images float32 in [-1, 1], NHWC, those of the whole request
   */
  void paste(MemorySegment images) {
    Edit edit = request.edit();
    if (edit == null || edit.mask() == null || !edit.paste()) {
      return;
    }
    float[] weights =
        edit.feather() == 0
            ? hard()
            : new Feather(hard(), factor * height, factor * width).over(edit.feather());
    byte[] own = edit.image().pixels();
    int values = weights.length * 3;
    for (int image = 0; image < request.count(); image++) {
      int from = edit.image().count() == 1 ? 0 : image * values;
      for (int i = 0; i < values; i++) {
        long at = (long) image * values + i;
        float weight = weights[i / 3];
        float kept = normalized(own[from + i]);
        float made = images.getAtIndex(ValueLayout.JAVA_FLOAT, at);
        images.setAtIndex(ValueLayout.JAVA_FLOAT, at, kept + weight * (made - kept));
      }
    }
  }

  /** 1 where something is painted, else 0, for each pixel of the image. */
  private float[] hard() {
    int columns = factor * width;
    float[] weights = new float[factor * height * columns];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = request.edit().paints(i / columns, i % columns) ? 1 : 0;
    }
    return weights;
  }
}
