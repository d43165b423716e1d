package org.halfstep.train;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.halfstep.data.RandomMask;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.graph.Shape;
import org.halfstep.latent.LatentCache;
import org.halfstep.random.Philox;

/**
 * Latents with what an inpainting network sees beside them: the mask, 1 where something is painted
 * anew, and the latent of the picture with mid grey in place of that, mirrored with the picture.
 * Each picture has some masks of its own, which were encoded once ({@link
 * org.halfstep.data.MaskedPictures}); an example takes one of them.
 */
public final class InpaintingLatents implements Examples {
  /** Draw number of an example's mask, and of the noise of its masked latent. */
  private static final int MASK_DRAW = 33;

  private static final long NOISE_STREAM = 34;

  private final Examples latents;
  private final LatentCache masked;
  private final int masks;
  private final boolean mirror;

  /** A byte for each pixel of the latent of each masked picture. */
  private final MemorySegment painted;

  private final MemorySegment one;
  private long noiseOf = -1;
  private long noiseSeed;

  /**
   * @param latents of the pictures
   * @param masked of the masked pictures; stays the caller's
   * @param masks of each picture
   * @param seed of the masks
   * @param factor pixels of a picture per pixel of a latent
   * @param mirror whether the latents are those of mirrored pictures at random
   */
  public InpaintingLatents(
      Examples latents, LatentCache masked, int masks, long seed, int factor, boolean mirror) {
    if (masked.count() != (long) latents.count() * masks) {
      throw new IllegalArgumentException(
          masked.count()
              + " masked latents for "
              + latents.count()
              + " pictures with "
              + masks
              + " masks each: they are of other data");
    }
    this.latents = latents;
    this.masked = masked;
    this.masks = masks;
    this.mirror = mirror;
    int height = masked.height();
    int width = masked.width();
    this.painted = Arena.ofAuto().allocate((long) masked.count() * height * width);
    this.one = Arena.ofAuto().allocate((long) Float.BYTES * masked.latentValues(), Float.BYTES);
    for (int number = 0; number < masked.count(); number++) {
      boolean[] mask = RandomMask.draw(seed, number, factor * height, factor * width);
      for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
          // Of the square of pixels that a latent's pixel is made of, the first one decides.
          boolean paints = mask[factor * y * factor * width + factor * x];
          painted.set(
              ValueLayout.JAVA_BYTE,
              ((long) number * height + y) * width + x,
              (byte) (paints ? 1 : 0));
        }
      }
    }
  }

  @Override
  public int count() {
    return latents.count();
  }

  @Override
  public Shape shape() {
    return latents.shape();
  }

  @Override
  public int conditions() {
    return latents.conditions();
  }

  @Override
  public ExampleOrder order(long seed) {
    return latents.order(seed);
  }

  @Override
  public int condition(int index, long example, ExampleDraws draws) {
    return latents.condition(index, example, draws);
  }

  @Override
  public void write(
      int index, long example, ExampleDraws draws, MemorySegment destination, long byteOffset) {
    latents.write(index, example, draws, destination, byteOffset);
  }

  @Override
  public int besideChannels() {
    return 1 + masked.channels();
  }

  @Override
  public void writeBeside(
      int index, long example, ExampleDraws draws, MemorySegment destination, long byteOffset) {
    if (noiseOf != draws.seed()) {
      noiseOf = draws.seed();
      noiseSeed = Philox.childSeed(noiseOf, NOISE_STREAM);
    }
    int number = index * masks + Philox.bounded(draws.seed(), example, MASK_DRAW, 0, masks);
    boolean mirrored = mirror && draws.mirrors(example, ExampleDraws.MIRROR_PROBABILITY);
    masked.write(number, mirrored, noiseSeed, example, one, 0);
    int height = masked.height();
    int width = masked.width();
    int channels = masked.channels();
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int from = mirrored ? width - 1 - x : x;
        long pixel = (long) y * width + x;
        long to = byteOffset + Float.BYTES * pixel * (1 + channels);
        byte paints =
            painted.get(ValueLayout.JAVA_BYTE, ((long) number * height + y) * width + from);
        destination.set(ValueLayout.JAVA_FLOAT, to, paints);
        MemorySegment.copy(
            one,
            Float.BYTES * pixel * channels,
            destination,
            to + Float.BYTES,
            (long) Float.BYTES * channels);
      }
    }
  }

  @Override
  public String identity() {
    return latents.identity() + ", " + masks + " masks each" + PhaseRun.DIGEST + masked.sha256();
  }
}
