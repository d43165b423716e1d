package org.halfstep.data;

import java.io.IOException;
import java.util.Arrays;
import org.halfstep.image.ImageBatch;

/**
 * The pictures of a source, each several times with a mask of its own in mid grey: what an
 * inpainting network sees beside a latent, before it is encoded. Picture i with its mask k is
 * number {@code masks i + k}, and so is the mask ({@link RandomMask}).
 */
public final class MaskedPictures implements ImageSource {
  /** A byte next to 0 in [-1, 1], which none is: {@link #painted} says where 0 is meant. */
  private static final byte GREY = (byte) 128;

  private final ImageSource pictures;
  private final int masks;
  private final long seed;
  private ImageBatch batch;
  private int inBatch;
  private int mask;
  private int number;

  /**
   * @param pictures closed with this
   * @param masks of each picture, at least 1
   * @param seed of the masks
   */
  public MaskedPictures(ImageSource pictures, int masks, long seed) {
    if (masks < 1) {
      throw new IllegalArgumentException("each picture needs a mask, got " + masks);
    }
    this.pictures = pictures;
    this.masks = masks;
    this.seed = seed;
  }

  /**
   * The pixels of a masked picture that are painted anew, row by row.
   *
   * @param masked its number
   */
  public boolean[] painted(int masked) {
    return RandomMask.draw(seed, masked, height(), width());
  }

  @Override
  public int count() {
    return Math.multiplyExact(pictures.count(), masks);
  }

  @Override
  public int height() {
    return pictures.height();
  }

  @Override
  public int width() {
    return pictures.width();
  }

  @Override
  public int channels() {
    return pictures.channels();
  }

  @Override
  public ImageBatch next(int atMost) throws IOException {
    int values = height() * width() * channels();
    byte[] pixels = new byte[atMost * values];
    int made = 0;
    while (made < atMost && advance()) {
      System.arraycopy(batch.pixels(), inBatch * values, pixels, made * values, values);
      boolean[] painted = painted(number);
      for (int i = 0; i < values; i++) {
        if (painted[i / channels()]) {
          pixels[made * values + i] = GREY;
        }
      }
      made++;
      mask++;
      number++;
    }
    return new ImageBatch(
        made, height(), width(), channels(), Arrays.copyOf(pixels, made * values));
  }

  /** To the next mask, or the first of the next picture; false at the end. */
  private boolean advance() throws IOException {
    if (batch != null && mask == masks) {
      inBatch++;
      mask = 0;
    }
    if (batch == null || inBatch == batch.count()) {
      batch = pictures.next(1);
      inBatch = 0;
      mask = 0;
    }
    return batch.count() > 0;
  }

  @Override
  public void close() throws IOException {
    pictures.close();
  }
}
