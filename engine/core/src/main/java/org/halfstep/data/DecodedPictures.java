package org.halfstep.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.halfstep.image.Fit;
import org.halfstep.image.ImageFile;

/**
 * Pictures of any shape, decoded by several threads and brought to one size and a number of
 * channels as {@link Fit} says, by a Lanczos filter.
 */
final class DecodedPictures {
  private final int height;
  private final int width;
  private final int channels;
  private final Fit fit;
  private final AtomicInteger pictures = new AtomicInteger();
  private final AtomicInteger turned = new AtomicInteger();
  private final AtomicInteger reshaped = new AtomicInteger();

  /**
   * @param options with a size and a number of channels
   */
  DecodedPictures(DatasetOptions options) {
    this.height = options.height();
    this.width = options.width();
    this.channels = options.channels();
    this.fit = options.fit();
  }

  /** Bytes of one: {@code height * width * channels}. */
  int imageBytes() {
    return Math.multiplyExact(Math.multiplyExact(height, width), channels);
  }

  /** Decodes files into 8-bit NHWC, one after the other. */
  void decode(List<Path> files, MemorySegment pixels) throws IOException {
    int bytes = imageBytes();
    try {
      IntStream.range(0, files.size())
          .parallel()
          .forEach(i -> decode(files.get(i), pixels.asSlice((long) i * bytes, bytes)));
    } catch (UncheckedIOException failure) {
      throw failure.getCause();
    }
  }

  private void decode(Path file, MemorySegment target) {
    try {
      ImageFile.Resized image = ImageFile.read(file, channels, height, width, fit);
      pictures.incrementAndGet();
      turned.addAndGet(image.turned() ? 1 : 0);
      reshaped.addAndGet(image.reshaped() ? 1 : 0);
      float[] values = image.values();
      for (int i = 0; i < values.length; i++) {
        target.set(ValueLayout.JAVA_BYTE, i, (byte) Math.clamp(Math.round(values[i]), 0, 255));
      }
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }

  /**
   * All of some files.
   *
   * @param labels one per file, indexes into {@code classNames}
   * @param notes what is known of the files already
   */
  ImageDataset load(List<Path> files, int[] labels, List<String> classNames, List<String> notes)
      throws IOException {
    Arena arena = Arena.ofShared();
    try {
      MemorySegment pixels = arena.allocate((long) files.size() * imageBytes(), Long.BYTES);
      decode(files, pixels);
      List<String> all = new ArrayList<>(notes);
      all.addAll(notes());
      return new ImageDataset(arena, pixels, labels, height, width, channels, classNames, all);
    } catch (Throwable failure) {
      arena.close();
      throw failure;
    }
  }

  /** What people should know of the pictures that were decoded, a line each. */
  List<String> notes() {
    List<String> notes = new ArrayList<>();
    if (turned.get() > 0) {
      notes.add(turned + " of " + pictures + " pictures are stored sideways and were turned");
    }
    if (reshaped.get() > 0) {
      String shape = height == width ? "not square" : "of another shape";
      notes.add(
          reshaped
              + " of "
              + pictures
              + " pictures are "
              + shape
              + ": "
              + switch (fit) {
                case CROP -> "their middle is cut out (fit crop; pad and squeeze show all of them)";
                case PAD -> "they have black bars (fit pad)";
                case SQUEEZE -> "they are stretched (fit squeeze)";
              });
    }
    return notes;
  }
}
