package org.halfstep.data;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.IntStream;
import org.halfstep.files.DataException;
import org.halfstep.image.ImageBatch;

/**
 * Labelled images of one size, held off the heap as 8-bit NHWC until {@link #close}. Reading is
 * thread-safe and does not allocate.
 */
public final class ImageDataset implements AutoCloseable {
  private static final float[] NORMALIZED = new float[256];

  static {
    for (int value = 0; value < NORMALIZED.length; value++) {
      NORMALIZED[value] = (float) (value / 127.5 - 1);
    }
  }

  private static final long DIGESTED_AT_ONCE = 1 << 24;

  private final Arena arena;
  private final MemorySegment pixels;
  private final int[] labels;
  private final int height;
  private final int width;
  private final int channels;
  private final List<String> classNames;
  private final List<String> notes;

  /**
   * Takes over the arena; its segment holds {@code labels.length} images. Called once all is read
   * and checked.
   */
  ImageDataset(
      Arena arena,
      MemorySegment pixels,
      int[] labels,
      int height,
      int width,
      int channels,
      List<String> classNames) {
    this(arena, pixels, labels, height, width, channels, classNames, List.of());
  }

  /**
   * The same with what people should know of how it was read.
   *
   * @param notes a line each
   */
  ImageDataset(
      Arena arena,
      MemorySegment pixels,
      int[] labels,
      int height,
      int width,
      int channels,
      List<String> classNames,
      List<String> notes) {
    if (pixels.byteSize() != (long) labels.length * height * width * channels) {
      throw new IllegalArgumentException(
          pixels.byteSize()
              + " bytes of pixels for "
              + labels.length
              + " images of "
              + height
              + "x"
              + width
              + "x"
              + channels);
    }
    for (int label : labels) {
      if (label < 0 || label >= classNames.size()) {
        throw new IllegalArgumentException(
            "label " + label + " is outside 0.." + (classNames.size() - 1));
      }
    }
    this.arena = arena;
    this.pixels = pixels;
    this.labels = labels;
    this.height = height;
    this.width = width;
    this.channels = channels;
    this.classNames = List.copyOf(classNames);
    this.notes = List.copyOf(notes);
  }

  /**
   * A dataset from arrays, which are copied.
   *
   * @param pixels 8-bit NHWC, {@code labels.length * height * width * channels} bytes
   * @param labels one per image, indexes into {@code classNames}
   */
  public static ImageDataset of(
      byte[] pixels, int[] labels, int height, int width, int channels, List<String> classNames) {
    Arena arena = Arena.ofShared();
    try {
      MemorySegment copy = arena.allocateFrom(ValueLayout.JAVA_BYTE, pixels);
      return new ImageDataset(arena, copy, labels.clone(), height, width, channels, classNames);
    } catch (Throwable failure) {
      arena.close();
      throw failure;
    }
  }

  /** Number of images. */
  public int count() {
    return labels.length;
  }

  /** Rows of an image. */
  public int height() {
    return height;
  }

  /** Columns of an image. */
  public int width() {
    return width;
  }

  /** 1 for greyscale, 3 for RGB. */
  public int channels() {
    return channels;
  }

  /** Values of one image: {@code height * width * channels}. */
  public int imageValues() {
    return height * width * channels;
  }

  /** Names of the classes; a label is an index into this list. */
  public List<String> classNames() {
    return classNames;
  }

  /** What people should know of how it was read, a line each: what was left out, turned, cut. */
  public List<String> notes() {
    return notes;
  }

  /**
   * The same images with labels that count through another list of classes; takes the place of this
   * dataset, which is not to be closed.
   *
   * @param origin where the images are from, for the error
   * @param known what the list belongs to, for the error
   * @throws DataException when the list lacks one of this dataset's classes
   */
  ImageDataset withClasses(List<String> others, Path origin, String known) throws DataException {
    int[] numbers = ClassNames.numbers(origin, classNames, others, known);
    int[] renumbered = Arrays.stream(labels).map(label -> numbers[label]).toArray();
    return new ImageDataset(arena, pixels, renumbered, height, width, channels, others, notes);
  }

  /**
   * So many of the images at most, evenly spread over all; takes the place of this dataset, which
   * is not to be closed.
   */
  public ImageDataset spread(int most) {
    if (count() <= most) {
      return this;
    }
    int[] chosen = IntStream.range(0, most).map(i -> (int) ((long) i * count() / most)).toArray();
    try (ImageDataset all = this) {
      return of(
          all.batch(chosen).pixels(),
          Arrays.stream(chosen).map(this::label).toArray(),
          height,
          width,
          channels,
          classNames);
    }
  }

  /** Class of an image. */
  public int label(int index) {
    return labels[index];
  }

  /**
   * Writes one image as float32 HWC in [-1, 1] ({@code x / 127.5 - 1}).
   *
   * @param index the image
   * @param flip whether to mirror it left to right
   * @param destination where to write {@code 4 * imageValues()} bytes
   * @param byteOffset offset of the first of them
   */
  public void copyNormalized(int index, boolean flip, MemorySegment destination, long byteOffset) {
    long source = (long) index * imageValues();
    long target = byteOffset;
    int step = flip ? -channels : channels;
    for (int y = 0; y < height; y++) {
      long pixel = source + (flip ? (long) (width - 1) * channels : 0);
      for (int x = 0; x < width; x++) {
        for (int c = 0; c < channels; c++) {
          int value = pixels.get(ValueLayout.JAVA_BYTE, pixel + c) & 0xff;
          destination.set(ValueLayout.JAVA_FLOAT_UNALIGNED, target, NORMALIZED[value]);
          target += Float.BYTES;
        }
        pixel += step;
      }
      source += (long) width * channels;
    }
  }

  /**
   * Writes one image as 8-bit HWC.
   *
   * @param index the image
   * @param destination where to write {@code imageValues()} bytes
   * @param byteOffset offset of the first of them
   */
  public void copyBytes(int index, MemorySegment destination, long byteOffset) {
    MemorySegment.copy(
        pixels, (long) index * imageValues(), destination, byteOffset, imageValues());
  }

  /** SHA-256 of size, classes, labels and pixels, in hexadecimal: equal for equal images only. */
  public String sha256() {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      ByteBuffer facts = ByteBuffer.allocate(Integer.BYTES * (4 + labels.length));
      facts.putInt(height).putInt(width).putInt(channels).putInt(classNames.size());
      for (int label : labels) {
        facts.putInt(label);
      }
      digest.update(facts.array());
      for (long done = 0; done < pixels.byteSize(); done += DIGESTED_AT_ONCE) {
        long length = Math.min(DIGESTED_AT_ONCE, pixels.byteSize() - done);
        digest.update(pixels.asSlice(done, length).asByteBuffer());
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Some images, in the given order. */
  public ImageBatch batch(int... indexes) {
    byte[] bytes = new byte[Math.multiplyExact(indexes.length, imageValues())];
    for (int i = 0; i < indexes.length; i++) {
      copyBytes(indexes[i], MemorySegment.ofArray(bytes), (long) i * imageValues());
    }
    return new ImageBatch(indexes.length, height, width, channels, bytes);
  }

  /** Frees the pixels. */
  @Override
  public void close() {
    arena.close();
  }
}
