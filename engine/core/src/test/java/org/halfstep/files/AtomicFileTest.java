package org.halfstep.files;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFileTest {
  private static final byte[] NEW = "new".getBytes(StandardCharsets.UTF_8);
  private static final Instant LONG_AGO = Instant.parse("2020-01-01T00:00:00Z");

  @TempDir Path folder;

  private static String message(Path path) {
    return assertThrows(IOException.class, () -> AtomicFile.write(path, NEW)).getMessage();
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void linksStayAndTheirTargetIsReplaced() throws IOException {
    Path far = Files.createDirectory(folder.resolve("far"));
    Path real = Files.writeString(far.resolve("real"), "old");
    Path near = Files.createSymbolicLink(folder.resolve("near"), Path.of("far", "real"));
    Path chain = Files.createSymbolicLink(folder.resolve("chain"), near);
    AtomicFile.write(chain, NEW);
    assertTrue(Files.isSymbolicLink(near) && Files.isSymbolicLink(chain));
    assertEquals("new", Files.readString(real));
  }

  @Test
  void aLinkToNothingMakesItsTarget() throws IOException {
    Path link = Files.createSymbolicLink(folder.resolve("link"), folder.resolve("target"));
    AtomicFile.write(link, NEW);
    assertTrue(Files.isSymbolicLink(link));
    assertEquals("new", Files.readString(folder.resolve("target")));
  }

  @Test
  void linksInACircleAreRefused() throws IOException {
    Path one = folder.resolve("one");
    Files.createSymbolicLink(one, folder.resolve("two"));
    Files.createSymbolicLink(folder.resolve("two"), one);
    assertTrue(message(one).contains("in a circle"));
  }

  @Test
  void permissionsAreKept() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "old");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-r-x"));
    AtomicFile.write(file, NEW);
    assertEquals("rw-rw-r-x", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
    assertEquals("new", Files.readString(file));
  }

  @Test
  void devicesAreWrittenToAndStay() throws IOException {
    AtomicFile.write(Path.of("/dev/null"), NEW);
    assertFalse(Files.isRegularFile(Path.of("/dev/null")));
    assertTrue(message(Path.of("/dev/full")).endsWith("No space left on device"));
    assertFalse(Files.isRegularFile(Path.of("/dev/full")));
  }

  @Test
  void aPipeIsWrittenTo() throws Exception {
    Path pipe = folder.resolve("pipe");
    assumeTrue(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor() == 0);
    CompletableFuture<String> read =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return Files.readString(pipe);
              } catch (IOException e) {
                return e.toString();
              }
            });
    AtomicFile.requireWritable(pipe);
    AtomicFile.write(pipe, NEW);
    assertEquals("new", read.get(30, TimeUnit.SECONDS));
    assertEquals(List.of("pipe"), names());
  }

  @Test
  void anOpenFileOfTheProcessIsWrittenTo() throws IOException {
    Path file = folder.resolve("file");
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      Object before = Files.getAttribute(file, "unix:ino");
      try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
        Path link = open.filter(one -> leadsTo(one, file)).findFirst().orElseThrow();
        AtomicFile.write(link, NEW);
      }
      assertTrue(channel.isOpen());
      assertEquals(before, Files.getAttribute(file, "unix:ino"));
    }
    assertEquals("new", Files.readString(file));
  }

  private static boolean leadsTo(Path link, Path file) {
    try {
      return Files.readSymbolicLink(link).equals(file.toRealPath());
    } catch (IOException gone) {
      return false;
    }
  }

  @Test
  void aLongNameIsWritten() throws IOException {
    Path file = folder.resolve("x".repeat(251) + ".png");
    AtomicFile.requireWritable(file);
    AtomicFile.write(file, NEW);
    assertEquals("new", Files.readString(file));
    Path longer = folder.resolve("x".repeat(252) + ".png");
    assertTrue(
        assertThrows(IOException.class, () -> AtomicFile.requireWritable(longer))
            .getMessage()
            .contains("256 bytes"));
  }

  @Test
  void aFolderIsNoFile() {
    assertTrue(message(folder).contains("is a folder"));
    assertTrue(message(Path.of("/")).contains("is a folder"));
  }

  @Test
  void theReasonIsTheInnermost() throws IOException {
    Path file = folder.resolve("file");
    IOException failure =
        assertThrows(
            IOException.class,
            () ->
                AtomicFile.write(
                    file,
                    _ -> {
                      throw new IOException(
                          "I/O error writing PNG file!",
                          new FileSystemException("/a/path", null, "No space left on device"));
                    }));
    assertEquals(
        file + ": could not be written, the file is as it was before: No space left on device",
        failure.getMessage());
    assertEquals(List.of(), names());
  }

  @Test
  void aFolderThatCannotBeMadeIsNamed() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "in the way");
    Path below = file.resolve("below").resolve("result");
    assertTrue(message(below).contains(file.toString()), message(below));
    assertThrows(IOException.class, () -> AtomicFile.requireWritable(below));
  }

  /** As of a variable of the shell's that is not set: it is the folder where a process began. */
  @Test
  void anEmptyPathIsRefused() {
    Path empty = Path.of("");
    assertThrows(IOException.class, () -> AtomicFile.requireWritable(empty));
    assertThrows(IOException.class, () -> AtomicFile.requireWritableFolder(empty));
  }

  @Test
  void whatKilledProcessesLeftIsRemoved() throws IOException {
    Path dead = Files.writeString(folder.resolve(".halfstep-0123456789ab-1.partial"), "half");
    Files.setLastModifiedTime(dead, FileTime.from(LONG_AGO));
    Path young = Files.writeString(folder.resolve(".halfstep-0123456789ab-2.partial"), "half");
    AtomicFile.write(folder.resolve("result"), NEW);
    assertFalse(Files.exists(dead));
    assertTrue(Files.exists(young), "may be another process' that has not locked it yet");
  }

  @Test
  void whatALivingProcessWritesIsLeftAlone() throws Exception {
    Path living = Files.writeString(folder.resolve(".halfstep-0123456789ab-1.partial"), "half");
    Path locked = folder.resolve("locked");
    Process owner =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Owner.class.getName(),
                living.toString(),
                locked.toString())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    try {
      assertEquals('x', owner.getInputStream().read(), "the owner says that it holds the lock");
      Files.setLastModifiedTime(living, FileTime.from(LONG_AGO));
      AtomicFile.write(folder.resolve("result"), NEW);
      assertTrue(Files.exists(living));
    } finally {
      owner.destroyForcibly().waitFor();
    }
  }

  /** Holds the lock of a file, as the process that writes it does, until it is killed. */
  static final class Owner {
    @SuppressWarnings("resource") // held to the end
    public static void main(String[] arguments) throws Exception {
      Leftovers.claim(FileChannel.open(Path.of(arguments[0]), StandardOpenOption.WRITE));
      System.out.write('x');
      System.out.flush();
      Thread.sleep(TimeUnit.MINUTES.toMillis(5));
    }
  }
}
