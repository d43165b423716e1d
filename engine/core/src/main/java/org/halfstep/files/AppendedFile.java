package org.halfstep.files;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A file that grows at its end, record by record. What a write that failed left of a record is
 * overwritten by the next one, so that the file is whole records up to a full disk, and goes on
 * behind them when there is room again.
 */
public final class AppendedFile implements AutoCloseable {
  private final Path path;
  private final FileChannel channel;
  private long length;

  private AppendedFile(Path path, FileChannel channel, long length) {
    this.path = path;
    this.channel = channel;
    this.length = length;
  }

  /**
   * Opens a file that is there or not.
   *
   * @param length bytes to keep; what comes after them is cut off
   */
  public static AppendedFile open(Path path, long length) throws IOException {
    return open(path, length, StandardOpenOption.CREATE);
  }

  /**
   * Makes a file.
   *
   * @throws java.nio.file.FileAlreadyExistsException when there is one of this name
   */
  public static AppendedFile create(Path path) throws IOException {
    return open(path, 0, StandardOpenOption.CREATE_NEW);
  }

  private static AppendedFile open(Path path, long length, StandardOpenOption how)
      throws IOException {
    FileChannel channel = FileChannel.open(path, how, StandardOpenOption.WRITE);
    try {
      channel.truncate(length);
      return new AppendedFile(path, channel, length);
    } catch (IOException failure) {
      channel.close();
      throw failure;
    }
  }

  /**
   * Adds a record.
   *
   * @throws IOException in one line, when it could not be written whole; the file ends before it
   */
  public void append(byte[] record) throws IOException {
    ByteBuffer left = ByteBuffer.wrap(record);
    try {
      while (left.hasRemaining()) {
        channel.write(left, length + left.position());
      }
    } catch (IOException failure) {
      throw new IOException(path + ": could not be written: " + FailureReason.of(failure), failure);
    }
    length += record.length;
  }

  /** Cuts off what a failed write left, and forces all records to disk. */
  public void force() throws IOException {
    channel.truncate(length);
    channel.force(true);
  }

  @Override
  public void close() throws IOException {
    try (channel) {
      channel.truncate(length);
    }
  }
}
