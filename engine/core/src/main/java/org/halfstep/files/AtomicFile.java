package org.halfstep.files;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The one place where a result is opened for writing. A regular file is replaced whole or not at
 * all: the new content is written aside in the same folder, forced to disk, renamed over the old
 * file, and the folder is forced to disk. A reader sees the old file or the new one; so does a
 * power cut.
 *
 * <p>Links are followed: what they point to is replaced, they stay. The new file has the old one's
 * permissions. Anything that is not a regular file (a device, a pipe) is opened and written to.
 * What killed processes left aside is removed from a folder before the first write into it.
 */
public final class AtomicFile {
  /** Writes the content of a file from its start. */
  @FunctionalInterface
  public interface Content {
    void writeTo(FileChannel channel) throws IOException;
  }

  private static final int LONGEST_NAME = 255;
  private static final AtomicLong COUNTER = new AtomicLong();

  private AtomicFile() {}

  /** Creates or replaces a file with these bytes, as {@link #write(Path, Content)} does. */
  public static void write(Path path, byte[] content) throws IOException {
    write(
        path,
        channel -> {
          ByteBuffer left = ByteBuffer.wrap(content);
          while (left.hasRemaining()) {
            channel.write(left);
          }
        });
  }

  /**
   * Creates or replaces a file; missing parent folders are made.
   *
   * @throws IOException when it cannot be written (a full disk, say); the old file is then
   *     unchanged and nothing is left beside it
   */
  public static void write(Path path, Content content) throws IOException {
    WriteTarget target = WriteTarget.of(path);
    if (target.isWrittenThrough()) {
      try (FileChannel channel = FileChannel.open(target.file(), StandardOpenOption.WRITE)) {
        content.writeTo(channel);
      } catch (IOException failure) {
        throw new IOException(
            path + ": could not be written: " + FailureReason.of(failure), failure);
      }
      return;
    }
    Path folder = target.folder();
    createFolder(folder);
    Leftovers.sweep(folder);
    Path aside = aside(folder);
    boolean done = false;
    try {
      try (FileChannel channel =
          FileChannel.open(aside, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        Leftovers.claim(channel);
        content.writeTo(channel);
        channel.force(true);
      }
      target.giveMode(aside);
      Files.move(aside, target.file(), StandardCopyOption.ATOMIC_MOVE);
      done = true;
    } catch (IOException failure) {
      throw new IOException(
          path
              + ": could not be written, the file is as it was before: "
              + FailureReason.of(failure),
          failure);
    } finally {
      if (!done) {
        Files.deleteIfExists(aside);
      }
    }
    forceFolder(folder);
  }

  /**
   * Tries whether a file could be written, before the work that makes its content: makes missing
   * parent folders, and writes nothing else.
   *
   * @throws IOException that says why it cannot be written
   */
  public static void requireWritable(Path path) throws IOException {
    requireNamed(path);
    WriteTarget target = WriteTarget.of(path);
    if (target.isWrittenThrough()) {
      return;
    }
    requireShortName(path, target.file());
    createFolder(target.folder());
    tryFolder(target.folder());
  }

  /**
   * An empty path is the folder that a process was started in, which nobody means who names one.
   */
  private static void requireNamed(Path path) throws IOException {
    if (path.toString().isEmpty()) {
      throw new IOException(
          "an empty path names no file and no folder to write to: use . for here");
    }
  }

  /** Fails when a name is longer than file systems take. */
  static void requireShortName(Path path, Path named) throws IOException {
    int length = named.getFileName().toString().getBytes(StandardCharsets.UTF_8).length;
    if (length > LONGEST_NAME) {
      throw new IOException(
          path
              + ": the name has "
              + length
              + " bytes, and file systems take at most "
              + LONGEST_NAME);
    }
  }

  /**
   * Tries whether files could be written into a folder, and makes it where it is missing.
   *
   * @throws IOException that says why not
   */
  public static void requireWritableFolder(Path folder) throws IOException {
    requireNamed(folder);
    tryFolder(folder);
  }

  private static void tryFolder(Path folder) throws IOException {
    createFolder(folder);
    Path aside = aside(folder);
    try {
      Files.createFile(aside);
      Files.delete(aside);
    } catch (IOException refused) {
      throw new IOException(
          folder + ": nothing can be written into this folder: " + FailureReason.of(refused),
          refused);
    }
  }

  private static Path aside(Path folder) {
    return folder.resolve(Leftovers.name(COUNTER.incrementAndGet()));
  }

  static void createFolder(Path folder) throws IOException {
    try {
      Files.createDirectories(folder);
    } catch (IOException refused) {
      throw new IOException(
          folder + ": this folder could not be made: " + FailureReason.of(refused), refused);
    }
  }

  /** Forces a folder's entries (files created, renamed, deleted in it) to disk. */
  public static void forceFolder(Path folder) throws IOException {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }
}
