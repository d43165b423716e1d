package org.halfstep.latent;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.IntConsumer;
import org.halfstep.data.ImageSource;
import org.halfstep.files.DataException;
import org.halfstep.image.ImageBatch;
import org.halfstep.safetensors.ComputedTensor;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.SafetensorsWriter;

/**
 * Encodes the pictures of a dataset and their mirror images into a {@link LatentCache}, one after
 * the other: neither pictures nor latents are in memory together.
 */
public final class LatentCacheWriter {
  /** Pictures that are read at once. */
  private static final int READ_AT_ONCE = 64;

  /** Largest finite number of float16. */
  private static final float LARGEST = 65504;

  private static final double HALF_RANGE = 127.5;
  private static final ValueLayout.OfShort F16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT;

  private final Path path;
  private final FirstStage stage;
  private final ImageSource pictures;
  private final Blanks blanks;
  private final IntConsumer progress;
  private final MemorySegment numbers;
  private final MemorySegment moments;
  private final MemorySegment encoded;
  private ImageBatch batch = null;
  private int inBatch;
  private int done;

  /** Bytes of {@link #encoded} that were written. */
  private long taken;

  /**
   * Where pictures are exactly 0 in [-1, 1], between the bytes 127 and 128: where an inpainting
   * network paints, as it is sampled.
   */
  @FunctionalInterface
  public interface Blanks {
    /**
     * The pixels of a picture that are, row by row; null for none.
     *
     * @param number of the picture in its source
     */
    boolean[] of(int number);
  }

  private LatentCacheWriter(
      Path path,
      FirstStage stage,
      ImageSource pictures,
      Blanks blanks,
      IntConsumer progress,
      Arena arena) {
    this.path = path;
    this.stage = stage;
    this.pictures = pictures;
    this.blanks = blanks;
    this.progress = progress;
    long values = stage.momentNumbers(pictures.height(), pictures.width());
    long pixels = (long) pictures.height() * pictures.width() * pictures.channels();
    this.numbers = arena.allocate(Float.BYTES * pixels, Float.BYTES);
    this.moments = arena.allocate(Float.BYTES * values, Float.BYTES);
    this.encoded = arena.allocate(LatentCache.VIEWS * Short.BYTES * values, Short.BYTES);
    this.taken = encoded.byteSize();
  }

  /**
   * Opens a cache, and makes it first where there is none.
   *
   * @param origin what it is of: of this first stage and of these pictures
   * @param stage with an encoder
   * @param pictures in the size that is trained on; closed by the caller
   * @param progress hears how many pictures are encoded
   * @throws DataException in one line, when the file is a cache of something else, or pictures
   *     cannot be encoded
   */
  public static LatentCache openOrMake(
      Path path,
      LatentCache.Origin origin,
      FirstStage stage,
      ImageSource pictures,
      IntConsumer progress)
      throws IOException {
    return openOrMake(path, origin, stage, pictures, _ -> null, progress);
  }

  /** The same of pictures with pixels that no byte says. */
  public static LatentCache openOrMake(
      Path path,
      LatentCache.Origin origin,
      FirstStage stage,
      ImageSource pictures,
      Blanks blanks,
      IntConsumer progress)
      throws IOException {
    if (!Files.exists(path)) {
      make(path, origin, stage, pictures, blanks, progress);
    }
    return LatentCache.open(path, origin);
  }

  private static void make(
      Path path,
      LatentCache.Origin origin,
      FirstStage stage,
      ImageSource pictures,
      Blanks blanks,
      IntConsumer progress)
      throws IOException {
    if (pictures.channels() != stage.imageChannels() || pictures.count() < 1) {
      throw new DataException(
          path,
          "latents need at least one picture of "
              + stage.imageChannels()
              + " channels, got "
              + pictures.count()
              + " of "
              + pictures.size());
    }
    if (stage.isGaussian() != origin.isGaussian() || stage.scalingFactor() != origin.scaling()) {
      throw new IllegalArgumentException("the origin is not this first stage's");
    }
    int height = pictures.height() / stage.factor();
    int width = pictures.width() / stage.factor();
    long values = stage.momentNumbers(pictures.height(), pictures.width());
    long[] shape = {
      pictures.count(), LatentCache.VIEWS, height, width, values / ((long) height * width)
    };
    try (Arena arena = Arena.ofConfined()) {
      LatentCacheWriter writer =
          new LatentCacheWriter(path, stage, pictures, blanks, progress, arena);
      ComputedTensor tensor =
          new ComputedTensor(LatentCache.MOMENTS, Dtype.F16, shape, (_, part) -> writer.fill(part));
      SafetensorsWriter.write(path, List.of(tensor), origin.metadata());
    } catch (UncheckedIOException failure) {
      throw failure.getCause();
    }
  }

  private void fill(MemorySegment target) {
    for (long at = 0; at < target.byteSize(); ) {
      if (taken == encoded.byteSize()) {
        encode();
        taken = 0;
      }
      long bytes = Math.min(target.byteSize() - at, encoded.byteSize() - taken);
      MemorySegment.copy(encoded, taken, target, at, bytes);
      taken += bytes;
      at += bytes;
    }
  }

  /** Encodes the next picture and its mirror image. */
  private void encode() {
    if (batch == null || inBatch == batch.count()) {
      try {
        batch = pictures.next(READ_AT_ONCE);
      } catch (IOException unreadable) {
        throw new UncheckedIOException(unreadable);
      }
      inBatch = 0;
      if (batch.count() == 0) {
        throw new UncheckedIOException(
            new DataException(
                path, "only " + done + " of " + pictures.count() + " pictures could be read"));
      }
    }
    boolean[] blank = blanks.of(done);
    for (int view = 0; view < LatentCache.VIEWS; view++) {
      normalize(view == 1, blank);
      stage.moments(1, batch.height(), batch.width(), numbers, moments);
      long values = moments.byteSize() / Float.BYTES;
      for (long i = 0; i < values; i++) {
        float number = moments.getAtIndex(F32, i);
        if (Math.abs(number) > LARGEST) {
          throw new UncheckedIOException(
              new DataException(
                  path,
                  "picture "
                      + done
                      + " has "
                      + number
                      + " in its latent, which float16 cannot hold"));
        }
        encoded.set(F16, (view * values + i) * Short.BYTES, Float.floatToFloat16(number));
      }
    }
    inBatch++;
    done++;
    progress.accept(done);
  }

  private void normalize(boolean mirrored, boolean[] blank) {
    int width = batch.width();
    int channels = batch.channels();
    int rows = batch.height();
    long first = (long) inBatch * rows * width * channels;
    for (int y = 0; y < rows; y++) {
      for (int x = 0; x < width; x++) {
        int pixel = y * width + (mirrored ? width - 1 - x : x);
        boolean isBlank = blank != null && blank[pixel];
        long from = first + (long) pixel * channels;
        long to = ((long) y * width + x) * channels;
        for (int c = 0; c < channels; c++) {
          double value = Byte.toUnsignedInt(batch.pixels()[(int) from + c]) / HALF_RANGE - 1;
          numbers.setAtIndex(F32, to + c, isBlank ? 0 : (float) value);
        }
      }
    }
  }
}
