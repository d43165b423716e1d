package org.halfstep.files;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * Files and folders that are written aside, and what killed processes left of them. Their owner
 * holds a lock on each, for a folder on a file in it, which the system drops with the process:
 * process numbers say nothing where containers or machines share a folder.
 */
final class Leftovers {
  /** The file in a folder written aside whose lock its owner holds. */
  static final String CLAIM = "claim";

  private static final String PREFIX = ".halfstep-";
  private static final String SUFFIX = ".partial";

  /** A file may be younger than its owner's lock on it. */
  private static final Duration YOUNG = Duration.ofMinutes(1);

  private static final String OWN = PREFIX + token() + "-";
  private static final Set<Path> SWEPT = ConcurrentHashMap.newKeySet();

  private Leftovers() {}

  private static String token() {
    byte[] bytes = new byte[6];
    new SecureRandom().nextBytes(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  /** A name for a file of this process: short, whatever the file is called in the end. */
  static String name(Object number) {
    return OWN + number + SUFFIX;
  }

  /** Says that a file is in use until its channel is closed; where locks are missing, age says. */
  static void claim(FileChannel channel) {
    try {
      channel.tryLock();
    } catch (IOException unsupported) {
      // A file system without locks: its files are never swept by others either.
    }
  }

  /** Removes what dead processes left in a folder; each folder once, since it may be large. */
  static void sweep(Path folder) {
    if (!SWEPT.add(folder)) {
      return;
    }
    try (DirectoryStream<Path> left = Files.newDirectoryStream(folder, PREFIX + "*" + SUFFIX)) {
      for (Path one : left) {
        if (!one.getFileName().toString().startsWith(OWN) && isAbandoned(one)) {
          remove(one);
        }
      }
    } catch (IOException unreadable) {
      // Failing to tidy up is no reason to fail.
    }
  }

  /** Removes a file, or a folder with what is in it, if it is there. */
  static void remove(Path left) throws IOException {
    if (!Files.exists(left, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    try (Stream<Path> all = Files.walk(left)) {
      for (Path one : all.toList().reversed()) {
        Files.deleteIfExists(one);
      }
    }
  }

  private static boolean isAbandoned(Path left) throws IOException {
    if (Files.getLastModifiedTime(left).toInstant().isAfter(Instant.now().minus(YOUNG))) {
      return false;
    }
    Path claim = left;
    if (Files.isDirectory(left, LinkOption.NOFOLLOW_LINKS)) {
      claim = left.resolve(CLAIM);
      if (!Files.exists(claim)) {
        return true;
      }
    }
    try (FileChannel channel = FileChannel.open(claim, StandardOpenOption.WRITE);
        FileLock lock = channel.tryLock()) {
      return lock != null;
    } catch (OverlappingFileLockException ours) {
      return false;
    }
  }
}
