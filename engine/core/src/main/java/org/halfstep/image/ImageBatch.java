package org.halfstep.image;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * Finished images on their way into a picture.
 *
 * @param count number of images
 * @param height rows of each
 * @param width columns of each
 * @param channels 1 for greyscale, 3 for RGB
 * @param pixels 8-bit NHWC, {@code count * height * width * channels} bytes
 */
public record ImageBatch(int count, int height, int width, int channels, byte[] pixels) {
  public ImageBatch {
    if (count < 0 || height < 1 || width < 1 || (channels != 1 && channels != 3)) {
      throw new IllegalArgumentException(
          count
              + " images of "
              + height
              + "x"
              + width
              + " with "
              + channels
              + " channels; expected sides from 1 and 1 or 3"
              + " channels");
    }
    if (pixels.length != (long) count * height * width * channels) {
      throw new IllegalArgumentException(
          pixels.length
              + " bytes for "
              + count
              + " images of "
              + height
              + "x"
              + width
              + "x"
              + channels);
    }
  }

  /**
   * Images from a network's range: [-1, 1] becomes 0..255, rounded; what lies outside is clamped.
   *
   * @param values float32 NHWC
   * @param byteOffset offset of the first value
   * @throws IllegalArgumentException when a value is NaN or infinite: that is not a colour
   */
  public static ImageBatch ofNormalized(
      int count, int height, int width, int channels, MemorySegment values, long byteOffset) {
    byte[] pixels =
        new byte
            [Math.multiplyExact(
                Math.multiplyExact(count, height), Math.multiplyExact(width, channels))];
    for (int i = 0; i < pixels.length; i++) {
      float value =
          values.get(ValueLayout.JAVA_FLOAT_UNALIGNED, byteOffset + (long) i * Float.BYTES);
      if (!Float.isFinite(value)) {
        throw new IllegalArgumentException(
            "image "
                + i / (height * width * channels)
                + " has "
                + value
                + " at "
                + i % (height * width * channels)
                + ", expected finite numbers");
      }
      pixels[i] = (byte) Math.clamp(Math.round((value + 1) * 127.5f), 0, 255);
    }
    return new ImageBatch(count, height, width, channels, pixels);
  }

  /**
   * The first images of this batch.
   *
   * @throws IndexOutOfBoundsException if it has not so many
   */
  public ImageBatch first(int images) {
    Objects.checkFromToIndex(0, images, count);
    return new ImageBatch(
        images, height, width, channels, Arrays.copyOf(pixels, images * height * width * channels));
  }

  /**
   * One image as the Java platform has it, for drawing, scaling or {@link PngFile}: grey for one
   * channel, RGB for three.
   *
   * @param index from 0
   * @throws IndexOutOfBoundsException if there is no such image
   */
  public BufferedImage image(int index) {
    Objects.checkIndex(index, count);
    BufferedImage picture =
        new BufferedImage(
            width,
            height,
            channels == 1 ? BufferedImage.TYPE_BYTE_GRAY : BufferedImage.TYPE_INT_RGB);
    int values = height * width * channels;
    int[] samples = new int[values];
    for (int i = 0; i < values; i++) {
      samples[i] = pixels[index * values + i] & 0xff;
    }
    picture.getRaster().setPixels(0, 0, width, height, samples);
    return picture;
  }

  /** Images of one size, one batch after the other. */
  public static ImageBatch concatenated(List<ImageBatch> batches) {
    if (batches.isEmpty()) {
      throw new IllegalArgumentException("there are no images to put together");
    }
    ImageBatch first = batches.getFirst();
    ByteArrayOutputStream pixels = new ByteArrayOutputStream();
    int count = 0;
    for (ImageBatch batch : batches) {
      if (batch.height != first.height
          || batch.width != first.width
          || batch.channels != first.channels) {
        throw new IllegalArgumentException("only images of one size can be put together");
      }
      pixels.writeBytes(batch.pixels);
      count += batch.count;
    }
    return new ImageBatch(count, first.height, first.width, first.channels, pixels.toByteArray());
  }

  /** One value, 0 to 255. */
  int value(int image, int y, int x, int channel) {
    return pixels[((image * height + y) * width + x) * channels + channel] & 0xff;
  }
}
