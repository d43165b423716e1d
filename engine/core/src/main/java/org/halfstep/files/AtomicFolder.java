package org.halfstep.files;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/**
 * A folder that is there whole or not at all: it is written aside, forced to disk and renamed.
 * Links are followed. An empty folder that is there already, such as a disk that was mounted, stays
 * with its permissions: what is written aside in it is moved up, entry by entry, the one without
 * which the folder means nothing last. What killed processes left is removed before the next one is
 * written.
 */
public final class AtomicFolder {
  /** Writes what is to be in a folder. */
  @FunctionalInterface
  public interface Content {
    void writeTo(Path folder) throws IOException;
  }

  /**
   * Where a folder is to be.
   *
   * @param path behind all links
   * @param isThere whether an empty folder is
   */
  private record Place(Path path, boolean isThere) {
    /** The folder that is written into. */
    Path parent() {
      return isThere ? path : path.getParent();
    }
  }

  private static final AtomicLong COUNTER = new AtomicLong();

  private AtomicFolder() {}

  /**
   * Tries whether a folder could be written, before the work that makes its content: makes missing
   * folders above it, and writes nothing else.
   *
   * @throws DataException when something is there already
   * @throws IOException that says why it cannot be written
   */
  public static void requireWritable(Path folder) throws IOException {
    Place place = place(folder);
    if (!place.isThere()) {
      AtomicFile.requireShortName(folder, place.path());
    }
    AtomicFile.requireWritableFolder(place.parent());
  }

  /**
   * Writes a folder that is not there yet, or empty.
   *
   * @param last the entry that is moved last into a folder that is there
   * @throws DataException when something is there already, or the content cannot be made
   * @throws IOException when it cannot be written (a full disk, say); nothing is left then
   */
  public static void write(Path folder, String last, Content content) throws IOException {
    Place place = place(folder);
    write(
        folder,
        place.parent(),
        content,
        aside -> {
          if (place.isThere()) {
            moveUp(aside, last);
          } else {
            Files.move(aside, place.path(), StandardCopyOption.ATOMIC_MOVE);
          }
        });
  }

  /**
   * Writes a folder in the place of what was written there before, which stays until the new one is
   * whole.
   *
   * @param last as in {@link #write}
   * @throws DataException when there is a file of that name, or the content cannot be made
   * @throws IOException when it cannot be written (a full disk, say); what was there is there then
   */
  public static void replace(Path folder, String last, Content content) throws IOException {
    Path path = WriteTarget.behindLinks(folder);
    if (!Files.exists(path.resolve(last))) {
      write(folder, last, content);
      return;
    }
    Path old = path.resolveSibling(Leftovers.name(COUNTER.incrementAndGet()));
    write(
        folder,
        path.getParent(),
        content,
        aside -> {
          Files.move(path, old, StandardCopyOption.ATOMIC_MOVE);
          try {
            Files.move(aside, path, StandardCopyOption.ATOMIC_MOVE);
          } catch (IOException failure) {
            Files.move(old, path, StandardCopyOption.ATOMIC_MOVE);
            throw failure;
          }
        });
    Leftovers.remove(old);
  }

  /**
   * Writes a folder aside and has it moved to its place.
   *
   * @param parent where it is written
   */
  private static void write(Path folder, Path parent, Content content, Content move)
      throws IOException {
    AtomicFile.createFolder(parent);
    Leftovers.sweep(parent);
    Path aside = parent.resolve(Leftovers.name(COUNTER.incrementAndGet()));
    try {
      Files.createDirectory(aside);
      Path claim = aside.resolve(Leftovers.CLAIM);
      try (FileChannel channel =
          FileChannel.open(claim, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        Leftovers.claim(channel);
        content.writeTo(aside);
        Files.delete(claim);
        AtomicFile.forceFolder(aside);
        move.writeTo(aside);
      }
    } catch (DataException own) {
      throw own;
    } catch (IOException failure) {
      throw new IOException(
          folder + ": could not be written: " + FailureReason.of(failure), failure);
    } finally {
      Leftovers.remove(aside);
    }
    AtomicFile.forceFolder(parent);
  }

  private static void moveUp(Path aside, String last) throws IOException {
    try (Stream<Path> entries = Files.list(aside)) {
      for (Path entry : entries.filter(path -> !path.endsWith(last)).toList()) {
        move(entry);
      }
    }
    AtomicFile.forceFolder(aside.getParent());
    move(aside.resolve(last));
  }

  private static void move(Path entry) throws IOException {
    Path above = entry.getParent().resolveSibling(entry.getFileName());
    Files.move(entry, above, StandardCopyOption.ATOMIC_MOVE);
  }

  private static Place place(Path folder) throws IOException {
    Path path = WriteTarget.behindLinks(folder);
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return new Place(path, false);
    }
    boolean empty = false;
    if (Files.isDirectory(path)) {
      Leftovers.sweep(path);
      try (Stream<Path> entries = Files.list(path)) {
        empty = entries.findAny().isEmpty();
      }
    }
    if (!empty) {
      throw new DataException(
          folder, "is there already: expected the name of a folder that is not, or an empty one");
    }
    return new Place(path, true);
  }
}
