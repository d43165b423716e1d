package org.halfstep.files;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Replaces a file whole or not at all: the new content is written aside in the same folder, forced
 * to disk, renamed over the old file, and the folder is forced to disk. A reader sees the old file
 * or the new one; so does a power cut.
 */
public final class AtomicFile {
  /** Writes the content of a file from its start. */
  @FunctionalInterface
  public interface Content {
    void writeTo(FileChannel channel) throws IOException;
  }

  private static final AtomicLong COUNTER = new AtomicLong();

  private AtomicFile() {}

  /**
   * Creates or replaces a file; missing parent folders are made.
   *
   * @throws IOException when it cannot be written (a full disk, say); the old file is then
   *     unchanged and nothing is left beside it
   */
  public static void write(Path path, Content content) throws IOException {
    Path target = path.toAbsolutePath();
    Path folder = target.getParent();
    if (folder == null) {
      throw new IOException(path + ": is not a file that can be written");
    }
    Files.createDirectories(folder);
    Path aside =
        folder.resolve(
            "."
                + target.getFileName()
                + "."
                + ProcessHandle.current().pid()
                + "-"
                + COUNTER.incrementAndGet()
                + ".partial");
    boolean done = false;
    try {
      try (FileChannel channel =
          FileChannel.open(aside, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        content.writeTo(channel);
        channel.force(true);
      }
      Files.move(aside, target, StandardCopyOption.ATOMIC_MOVE);
      done = true;
    } catch (IOException failure) {
      throw new IOException(
          path + ": could not be written, the file is as it was before: " + reason(failure),
          failure);
    } finally {
      if (!done) {
        Files.deleteIfExists(aside);
      }
    }
    forceFolder(folder);
  }

  /** Forces a folder's entries (files created, renamed, deleted in it) to disk. */
  public static void forceFolder(Path folder) throws IOException {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  private static String reason(IOException failure) {
    return failure.getMessage() == null ? failure.getClass().getSimpleName() : failure.getMessage();
  }
}
