package org.halfstep.files;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Texts and JSON as editors of all systems leave them, and what is none. */
class TextFileTest {
  @TempDir Path folder;

  private Path file(byte... bytes) throws IOException {
    return Files.write(folder.resolve("text"), bytes);
  }

  private Path file(String text) throws IOException {
    return file(text.getBytes(StandardCharsets.UTF_8));
  }

  private static String refusal(Path file) {
    return assertThrows(DataException.class, () -> TextFile.lines(file)).getMessage();
  }

  @Test
  void aByteOrderMarkIsNoPartOfTheText() throws IOException {
    assertEquals(List.of("zéro", "one"), TextFile.lines(file("\ufeffzéro\r\none\n")));
    assertEquals(List.of("a\ufeffb"), TextFile.lines(file("a\ufeffb")));
    assertEquals(List.of(), TextFile.lines(file("\ufeff")));
  }

  @Test
  void whatIsNotUtf8IsNamedByLine() throws IOException {
    Path latin = file("one\ntwo\nz\u00e9ro\n".getBytes(StandardCharsets.ISO_8859_1));
    assertTrue(refusal(latin).startsWith(latin + ": line 3: is not UTF-8 (byte 0xe9 at 9)"));
    Path cut = file((byte) 'a', (byte) '\n', (byte) 0xc3);
    assertTrue(refusal(cut).startsWith(cut + ": line 2: is not UTF-8"), refusal(cut));
    Path wide = file("abc".getBytes(StandardCharsets.UTF_16));
    assertTrue(refusal(wide).startsWith(wide + ": line 1: is UTF-16"), refusal(wide));
  }

  @Test
  void whatIsNoFileIsNamed() {
    assertTrue(refusal(folder).startsWith(folder + ": is a folder, expected a text file"));
    assertThrows(NoSuchFileException.class, () -> TextFile.lines(folder.resolve("gone")));
  }

  private record Thing(String name, int number) {
    Thing {
      if (number < 0) {
        throw new IllegalArgumentException("number must be at least 0, got " + number);
      }
    }
  }

  @Test
  void jsonIsReadAsStrictlyAsItWasWritten() throws IOException {
    Path file = folder.resolve("thing.json");
    Json.write(file, new Thing("a", 3));
    assertEquals(new Thing("a", 3), Json.read(Thing.class, file));
    assertEquals(
        new Thing("a", 3), Json.read(Thing.class, file("\ufeff" + Files.readString(file))));
    for (String[] bad :
        new String[][] {
          {"", "it is empty"},
          {"null", "found null"},
          {"[]", "expected an object"},
          {"{\"name\":\"a\",\"number\":3} 4", "Trailing"},
          {"{\"name\":\"a\",\"name\":\"b\",\"number\":3}", "Duplicate"},
          {"{\"name\":\"a\",\"number\":1e400000000}", "number: "},
          {"{\"name\":\"a\",\"number\":3.5}", "number: expected an integer"},
          {
            "{\"name\":\"a\",\"number\":3,\"nomber\":3}",
            "nomber: there is no such setting; there are name, number"
          },
          {"{\"name\":\"a\",\"number\":\"3\"}", "number: "},
          {"{\"name\":\"a\",\"number\":null}", "number: "},
          {"{\"name\":\"a\",\"number\":" + "9".repeat(100_000) + "}", "length"},
          {"{\"name\":\"a\",\"number\":-1}", "at least 0, got -1"},
          {"{\"name\":" + "[".repeat(100_000), "name: expected text"},
          {"{\n\"name\":\"a\",\n\"number\":x}", "line 3: "},
          {"{\"name\":\"a\u001b[2J\",\"number\":3}", "CTRL-CHAR"},
        }) {
      Path text = file(bad[0]);
      DataException refused =
          assertThrows(DataException.class, () -> Json.read(Thing.class, text), bad[0]);
      assertTrue(refused.getMessage().startsWith(text + ": "), refused.getMessage());
      assertTrue(
          refused.getMessage().toLowerCase().contains(bad[1].toLowerCase()),
          refused.getMessage() + " for " + bad[1]);
      assertEquals(1, refused.getMessage().lines().count(), refused.getMessage());
    }
  }

  @Test
  void whatSteersATerminalIsReplaced() {
    assertEquals("a?b?c?d é ü 漢 😀", Printable.line("a\u001bb\nc\u202ed é ü 漢 😀"));
    assertEquals("?", Printable.line("\ud800"));
    assertEquals(403, Printable.line("x".repeat(1000)).length());
    assertTrue(
        new DataException(Path.of("a\u001b[2J"), "bad \u0007").getMessage().equals("a?[2J: bad ?"));
  }
}
