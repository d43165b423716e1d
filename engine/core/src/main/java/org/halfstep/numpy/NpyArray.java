package org.halfstep.numpy;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import org.halfstep.files.AtomicFile;
import org.halfstep.files.DataException;

/**
 * An array of numbers as NumPy stores them, in memory; alone in a {@code .npy} file, or one of
 * several in an {@code .npz} ({@link NpzFile}).
 */
public final class NpyArray {
  private final NpyType type;
  private final long[] shape;

  /** Little-endian, in C order. */
  private final ByteBuffer data;

  private NpyArray(NpyType type, long[] shape, ByteBuffer data) {
    long elements = 1;
    for (long extent : shape) {
      elements = Math.multiplyExact(elements, extent);
    }
    if (elements * type.bytes() != data.capacity()) {
      throw new IllegalArgumentException(
          data.capacity() / type.bytes() + " numbers for the shape " + Arrays.toString(shape));
    }
    this.type = type;
    this.shape = shape.clone();
    this.data = data;
  }

  /** Doubles in C order; copied. */
  public static NpyArray of(double[] values, long... shape) {
    ByteBuffer data = allocate(values.length, NpyType.FLOAT64);
    data.asDoubleBuffer().put(values);
    return new NpyArray(NpyType.FLOAT64, shape, data);
  }

  /** Floats in C order; copied. */
  public static NpyArray of(float[] values, long... shape) {
    ByteBuffer data = allocate(values.length, NpyType.FLOAT32);
    data.asFloatBuffer().put(values);
    return new NpyArray(NpyType.FLOAT32, shape, data);
  }

  /** 64-bit integers in C order; copied. */
  public static NpyArray of(long[] values, long... shape) {
    ByteBuffer data = allocate(values.length, NpyType.INT64);
    data.asLongBuffer().put(values);
    return new NpyArray(NpyType.INT64, shape, data);
  }

  /** Unsigned bytes in C order; copied. */
  public static NpyArray of(byte[] values, long... shape) {
    return new NpyArray(NpyType.UINT8, shape, ByteBuffer.wrap(values.clone()));
  }

  private static ByteBuffer allocate(int count, NpyType type) {
    return ByteBuffer.allocate(Math.multiplyExact(count, type.bytes()))
        .order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Reads a {@code .npy} file.
   *
   * @throws DataException if it is missing, malformed, or of another size than its header says
   */
  public static NpyArray read(Path file) throws IOException {
    if (Files.isDirectory(file)) {
      throw new DataException(file, "is a folder, expected an .npy file");
    }
    try (InputStream input = new BufferedInputStream(Files.newInputStream(file))) {
      NpyHeader header = NpyHeader.read(input, file, "");
      long rest = Files.size(file) - header.length();
      if (header.dataBytes() != rest) {
        throw new DataException(
            file,
            "has a shape of "
                + header.shapeText()
                + ", "
                + header.dataBytes()
                + " bytes, but "
                + rest
                + " bytes of numbers");
      }
      byte[] bytes = new byte[checkedLength(header, file, "")];
      if (input.readNBytes(bytes, 0, bytes.length) < bytes.length) {
        throw new DataException(file, "ends before its last number");
      }
      return of(header, bytes);
    } catch (NoSuchFileException missing) {
      throw new DataException(file, "the file is missing");
    }
  }

  /** What fits into one Java array. */
  static int checkedLength(NpyHeader header, Path file, String where) throws DataException {
    if (header.dataBytes() > Integer.MAX_VALUE - 16) {
      throw new DataException(
          file, where + "has " + header.dataBytes() + " bytes; expected less than 2 GiB");
    }
    return (int) header.dataBytes();
  }

  /** An array from the bytes that follow a header; takes over the bytes. */
  static NpyArray of(NpyHeader header, byte[] bytes) {
    int size = header.type().bytes();
    if (header.order() == ByteOrder.BIG_ENDIAN) {
      for (int i = 0; i < bytes.length; i += size) {
        for (int low = i, high = i + size - 1; low < high; low++, high--) {
          byte one = bytes[low];
          bytes[low] = bytes[high];
          bytes[high] = one;
        }
      }
    }
    byte[] ordered =
        header.fortranOrder() && header.shape().length > 1
            ? inCOrder(bytes, header.shape(), size)
            : bytes;
    ByteBuffer data = ByteBuffer.wrap(ordered).order(ByteOrder.LITTLE_ENDIAN);
    return new NpyArray(header.type(), header.shape(), data);
  }

  private static byte[] inCOrder(byte[] fortran, long[] shape, int size) {
    byte[] result = new byte[fortran.length];
    int[] index = new int[shape.length];
    for (int target = 0; target < result.length; target += size) {
      long source = 0;
      for (int axis = shape.length - 1; axis >= 0; axis--) {
        source = source * shape[axis] + index[axis];
      }
      System.arraycopy(fortran, (int) source * size, result, target, size);
      for (int axis = shape.length - 1; axis >= 0 && ++index[axis] == shape[axis]; axis--) {
        index[axis] = 0;
      }
    }
    return result;
  }

  /** Writes a {@code .npy} file, whole or not at all. */
  public void write(Path file) throws IOException {
    AtomicFile.write(
        file,
        channel -> {
          writeFully(channel, ByteBuffer.wrap(NpyHeader.bytes(type, shape)));
          writeFully(channel, ByteBuffer.wrap(data.array()));
        });
  }

  private static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  /** Type of the numbers. */
  public NpyType type() {
    return type;
  }

  /** Extents, outermost first; empty for a single number. */
  public long[] shape() {
    return shape.clone();
  }

  /** All numbers as doubles, in C order. */
  public double[] doubles() {
    double[] values = new double[data.capacity() / type.bytes()];
    for (int i = 0; i < values.length; i++) {
      values[i] = type.doubleAt(data, i * type.bytes());
    }
    return values;
  }

  /**
   * All numbers as integers, in C order.
   *
   * @throws IllegalStateException if they are floating-point
   */
  public long[] longs() {
    long[] values = new long[data.capacity() / type.bytes()];
    for (int i = 0; i < values.length; i++) {
      values[i] = type.longAt(data, i * type.bytes());
    }
    return values;
  }

  /** The bytes of the file. */
  byte[] bytes() {
    return data.array();
  }
}
