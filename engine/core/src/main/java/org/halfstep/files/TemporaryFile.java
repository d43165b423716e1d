package org.halfstep.files;

import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A file for a while, in the temporary folder ({@code java.io.tmpdir}). What killed processes left
 * there is removed by the next one.
 */
public final class TemporaryFile implements AutoCloseable {
  private static final AtomicLong COUNTER = new AtomicLong();

  private final Path path;
  private final FileChannel channel;

  private TemporaryFile(Path path, FileChannel channel) {
    this.path = path;
    this.channel = channel;
  }

  /**
   * A copy of what a stream has.
   *
   * @throws IOException that names the folder and how to choose another one
   */
  public static TemporaryFile of(InputStream content) throws IOException {
    Path folder = Path.of(System.getProperty("java.io.tmpdir")).toAbsolutePath();
    Leftovers.sweep(folder);
    Path path = folder.resolve(Leftovers.name("tmp-" + COUNTER.incrementAndGet()));
    FileChannel channel = null;
    try {
      channel = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
      Leftovers.claim(channel);
      content.transferTo(Channels.newOutputStream(channel));
      return new TemporaryFile(path, channel);
    } catch (IOException failure) {
      if (channel != null) {
        channel.close();
        Files.deleteIfExists(path);
      }
      throw new IOException(
          folder
              + ": a temporary file could not be written there: "
              + FailureReason.of(failure)
              + "; choose another folder with TMPDIR or -Djava.io.tmpdir=FOLDER",
          failure);
    }
  }

  /** Where it is, until this is closed. */
  public Path path() {
    return path;
  }

  /** Removes it. */
  @Override
  public void close() throws IOException {
    Files.deleteIfExists(path);
    channel.close();
  }
}
