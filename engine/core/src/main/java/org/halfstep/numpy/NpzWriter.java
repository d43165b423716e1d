package org.halfstep.numpy;

import java.io.IOException;
import java.io.OutputStream;
import java.time.LocalDateTime;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Writes the arrays of an {@code .npz} file one after the other, deflated. */
public final class NpzWriter {
  /** The earliest time of a zip archive: equal arrays make equal files. */
  private static final LocalDateTime TIME = LocalDateTime.of(1980, 1, 1, 0, 0);

  private final ZipOutputStream zip;
  private long left;

  public NpzWriter(OutputStream output) {
    zip = new ZipOutputStream(output);
    zip.setLevel(Deflater.BEST_SPEED);
  }

  /** Adds a whole array. */
  public void add(String name, NpyArray array) throws IOException {
    begin(name, array.type(), array.shape());
    write(array.bytes());
  }

  /** Begins an array whose bytes follow with {@link #write}: little-endian, in C order. */
  public void begin(String name, NpyType type, long... shape) throws IOException {
    requireWhole();
    ZipEntry entry = new ZipEntry(name + ".npy");
    entry.setTimeLocal(TIME);
    zip.putNextEntry(entry);
    zip.write(NpyHeader.bytes(type, shape));
    left = type.bytes();
    for (long extent : shape) {
      left = Math.multiplyExact(left, extent);
    }
  }

  public void write(byte[] bytes) throws IOException {
    if (bytes.length > left) {
      throw new IllegalArgumentException(
          "got " + (bytes.length - left) + " bytes more than the array's shape has");
    }
    zip.write(bytes);
    left -= bytes.length;
  }

  private void requireWhole() {
    if (left != 0) {
      throw new IllegalArgumentException("the array's shape needs " + left + " bytes more");
    }
  }

  public void finish() throws IOException {
    requireWhole();
    zip.finish();
  }
}
