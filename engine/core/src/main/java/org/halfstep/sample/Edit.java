package org.halfstep.sample;

import java.util.Arrays;
import org.halfstep.image.ImageBatch;

/**
 * A picture that a request begins with (Meng et al., "SDEdit", 2022), and which part of it is
 * painted anew.
 *
 * @param image one picture for all images of the request, or one for each; RGB, of the request's
 *     size
 * @param strength how far back towards noise it is taken, above 0 to 1: of N steps the last {@code
 *     int(N strength)} are run by a teacher, the last {@code rint(N strength)} by a student; a
 *     consistency model runs all N, spread over the levels that the strength leaves
 * @param mask greyscale, one for all, of the image's size: 128 and more is painted anew, what is
 *     below stays; null to paint everything anew
 * @param paste whether pixels that stay are those of the picture itself, and not what the first
 *     stage makes of them
 * @param feather pixels over which the two are blended at the edge of what was painted
 * @param source what each image shows now: it is taken back to the noise that denoising under this
 *     condition makes it of (DDIM inversion; style transfer of Meng et al. 2023), so that what the
 *     request asks for keeps its layout. Null for random noise
 */
public record Edit(
    ImageBatch image,
    double strength,
    ImageBatch mask,
    boolean paste,
    int feather,
    Condition source) {
  /** Strength of an edit where none is given. */
  public static final double DEFAULT_STRENGTH = 0.8;

  /** Widest blending. */
  public static final int MOST_FEATHER = 256;

  /** Value from which a mask asks for a pixel to be painted. */
  static final int PAINTED = 128;

  public Edit {
    if (image == null || image.count() < 1 || image.channels() != 3) {
      throw new IllegalArgumentException("an edit begins with a picture of three channels");
    }
    if (!(strength > 0 && strength <= 1)) {
      throw new IllegalArgumentException(
          "the strength of an edit must be above 0 and at most 1, got " + strength);
    }
    if (mask != null
        && (mask.count() != 1
            || mask.channels() != 1
            || mask.height() != image.height()
            || mask.width() != image.width())) {
      throw new IllegalArgumentException(
          "a mask is one grey picture of the image's size, "
              + image.height()
              + "x"
              + image.width()
              + ", got "
              + mask.count()
              + " of "
              + mask.height()
              + "x"
              + mask.width()
              + " with "
              + mask.channels()
              + " channels");
    }
    if (source != null && mask != null) {
      throw new IllegalArgumentException(
          "a picture that is taken back to its own noise is changed everywhere: leave out the mask");
    }
    if (feather < 0 || feather > MOST_FEATHER) {
      throw new IllegalArgumentException(
          "a mask is feathered over 0 to " + MOST_FEATHER + " pixels, got " + feather);
    }
  }

  /** A picture that begins with random noise. */
  public Edit(ImageBatch image, double strength, ImageBatch mask, boolean paste, int feather) {
    this(image, strength, mask, paste, feather, null);
  }

  /** The whole picture, taken back some way. */
  public static Edit of(ImageBatch image, double strength) {
    return new Edit(image, strength, null, true, 0);
  }

  /** A part of a picture, painted from noise. */
  public static Edit inpainting(ImageBatch image, ImageBatch mask) {
    return new Edit(image, 1, mask, true, 0);
  }

  /**
   * The whole picture, taken back to its own noise.
   *
   * @param source what each image shows now
   */
  public static Edit inverting(ImageBatch image, double strength, Condition source) {
    return new Edit(image, strength, null, true, 0, source);
  }

  /** The same with another strength. */
  public Edit withStrength(double other) {
    return new Edit(image, other, mask, paste, feather, source);
  }

  /** The same for some of a request's images. */
  Edit slice(int from, int to) {
    return new Edit(
        image.count() == 1 ? image : part(from, to),
        strength,
        mask,
        paste,
        feather,
        source == null ? null : source.slice(from, to));
  }

  private ImageBatch part(int from, int to) {
    int bytes = image.height() * image.width() * image.channels();
    byte[] pixels = Arrays.copyOfRange(image.pixels(), from * bytes, to * bytes);
    return new ImageBatch(to - from, image.height(), image.width(), image.channels(), pixels);
  }

  /** Whether the mask paints a pixel; without a mask, every one. */
  boolean paints(int y, int x) {
    return mask == null || (mask.pixels()[y * mask.width() + x] & 0xff) >= PAINTED;
  }
}
