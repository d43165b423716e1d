package org.halfstep.files;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TemporaryFileTest {
  private final String before = System.getProperty("java.io.tmpdir");

  @TempDir Path folder;

  @AfterEach
  void restore() {
    System.setProperty("java.io.tmpdir", before);
  }

  private static TemporaryFile make() throws IOException {
    return TemporaryFile.of(new ByteArrayInputStream("some".getBytes(StandardCharsets.UTF_8)));
  }

  @Test
  void itIsThereUntilItIsClosed() throws IOException {
    System.setProperty("java.io.tmpdir", folder.toString());
    Path path;
    try (TemporaryFile file = make()) {
      path = file.path();
      assertEquals(folder, path.getParent());
      assertEquals("some", Files.readString(path));
    }
    assertFalse(Files.exists(path));
  }

  @Test
  void aFolderThatCannotBeUsedIsNamedWithTheWayOut() {
    System.setProperty("java.io.tmpdir", folder.resolve("none").toString());
    String message = assertThrows(IOException.class, TemporaryFileTest::make).getMessage();
    assertTrue(message.startsWith(folder.resolve("none").toString()), message);
    assertTrue(message.contains("-Djava.io.tmpdir="), message);
  }
}
