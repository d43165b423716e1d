package org.halfstep.files;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A folder as a result: whole or not at all, wherever it is to be. */
class AtomicFolderTest {
  private static final FileTime LONG_AGO =
      FileTime.from(Instant.now().minus(Duration.ofMinutes(10)));

  private static final String LEFT = ".halfstep-0123456789ab-1.partial";

  @TempDir Path folder;

  private static void write(Path target) throws IOException {
    AtomicFolder.requireWritable(target);
    AtomicFolder.write(
        target,
        "index",
        aside -> {
          Files.writeString(aside.resolve("index"), "1");
          Files.writeString(Files.createDirectory(aside.resolve("part")).resolve("file"), "2");
        });
  }

  private static List<String> names(Path of) throws IOException {
    try (Stream<Path> all = Files.list(of)) {
      return all.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  private static Object identity(Path path) throws IOException {
    return Files.readAttributes(path, BasicFileAttributes.class).fileKey();
  }

  @Test
  void foldersAboveAreMade() throws IOException {
    write(folder.resolve("a/b/result"));
    assertEquals(List.of("result"), names(folder.resolve("a/b")));
    assertEquals(List.of("index", "part"), names(folder.resolve("a/b/result")));
    assertEquals("2", Files.readString(folder.resolve("a/b/result/part/file")));
  }

  @Test
  void aFailureLeavesNothing() throws IOException {
    Path result = folder.resolve("result");
    IOException full =
        assertThrows(
            IOException.class,
            () ->
                AtomicFolder.write(
                    result,
                    "index",
                    aside -> {
                      Files.writeString(aside.resolve("index"), "1");
                      throw new FileSystemException("/x", null, "No space left on device");
                    }));
    assertEquals(result + ": could not be written: No space left on device", full.getMessage());
    DataException own = new DataException(result, "cannot be made");
    assertEquals(
        own,
        assertThrows(
            DataException.class,
            () ->
                AtomicFolder.write(
                    result,
                    "index",
                    _ -> {
                      throw own;
                    })));
    assertEquals(List.of(), names(folder));
  }

  @Test
  void aFolderTakesThePlaceOfAnEarlierOneOnceItIsWhole() throws IOException {
    Path result = folder.resolve("result");
    write(result);
    assertThrows(
        IOException.class,
        () ->
            AtomicFolder.replace(
                result,
                "index",
                aside -> {
                  Files.writeString(aside.resolve("index"), "3");
                  throw new FileSystemException("/x", null, "No space left on device");
                }));
    assertEquals("1", Files.readString(result.resolve("index")));
    assertEquals(List.of("index", "part"), names(result));
    AtomicFolder.replace(result, "index", aside -> Files.writeString(aside.resolve("index"), "3"));
    assertEquals("3", Files.readString(result.resolve("index")));
    assertEquals(List.of("index"), names(result));
    assertEquals(List.of("result"), names(folder));
    Path fresh = folder.resolve("fresh");
    AtomicFolder.replace(fresh, "index", aside -> Files.writeString(aside.resolve("index"), "4"));
    assertEquals("4", Files.readString(fresh.resolve("index")));
    // What is there without being a result of ours is not touched.
    Path others = Files.createDirectory(folder.resolve("others"));
    Files.writeString(others.resolve("mine"), "5");
    assertThrows(DataException.class, () -> AtomicFolder.replace(others, "index", _ -> {}));
    assertEquals(List.of("mine"), names(others));
  }

  @Test
  void anEmptyFolderThatIsThereStays() throws IOException {
    Path mounted = Files.createDirectory(folder.resolve("mounted"));
    Files.setPosixFilePermissions(mounted, PosixFilePermissions.fromString("rwxrwx---"));
    final Object before = identity(mounted);
    write(mounted);
    assertEquals(before, identity(mounted));
    assertEquals(
        "rwxrwx---", PosixFilePermissions.toString(Files.getPosixFilePermissions(mounted)));
    assertEquals(List.of("index", "part"), names(mounted));
  }

  @Test
  void linksStay() throws IOException {
    Path far = Files.createDirectory(folder.resolve("far"));
    for (String name : List.of("empty", "missing")) {
      if (name.equals("empty")) {
        Files.createDirectory(far.resolve(name));
      }
      Path link = Files.createSymbolicLink(folder.resolve("to-" + name), far.resolve(name));
      write(link);
      assertTrue(Files.isSymbolicLink(link));
      assertEquals(List.of("index", "part"), names(far.resolve(name)));
    }
  }

  @Test
  void whatIsThereIsKept() throws IOException {
    Path full = Files.createDirectory(folder.resolve("full"));
    Files.writeString(full.resolve("notes.txt"), "mine");
    Path file = Files.writeString(folder.resolve("file"), "mine");
    for (Path there : List.of(full, file, Path.of("/"))) {
      assertTrue(
          assertThrows(DataException.class, () -> write(there))
              .getMessage()
              .startsWith(there + ": is there already"));
    }
    assertEquals(List.of("notes.txt"), names(full));
    assertEquals("mine", Files.readString(file));
  }

  @Test
  void aLongNameIsWritten() throws IOException {
    write(folder.resolve("x".repeat(255)));
    Path longer = folder.resolve("x".repeat(256));
    String line =
        assertThrows(IOException.class, () -> AtomicFolder.requireWritable(longer)).getMessage();
    assertTrue(line.contains("256 bytes"), line);
  }

  /** A folder that somebody wrote aside, half of a network in it. */
  private static Path left(Path in) throws IOException {
    Path left = Files.createDirectory(in.resolve(LEFT));
    Files.writeString(left.resolve(Leftovers.CLAIM), "");
    Files.writeString(Files.createDirectory(left.resolve("unet")).resolve("half"), "half");
    Files.setLastModifiedTime(left, LONG_AGO);
    return left;
  }

  @Test
  void whatKilledProcessesLeftIsRemoved() throws IOException {
    Path result = Files.createDirectory(folder.resolve("result"));
    left(folder);
    left(result);
    write(result);
    assertEquals(List.of("index", "part"), names(result));
    write(folder.resolve("other"));
    assertEquals(List.of("other", "result"), names(folder));
  }

  @Test
  void whatALivingProcessWritesIsLeftAlone() throws IOException {
    Path living = left(folder);
    try (FileChannel claim =
            FileChannel.open(living.resolve(Leftovers.CLAIM), StandardOpenOption.WRITE);
        FileLock lock = claim.lock()) {
      assertTrue(lock.isValid());
      write(folder.resolve("result"));
    }
    assertTrue(Files.exists(living));
    assertFalse(Files.exists(folder.resolve("result").resolve(Leftovers.CLAIM)));
  }
}
