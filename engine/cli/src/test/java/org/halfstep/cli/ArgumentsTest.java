package org.halfstep.cli;

import static org.halfstep.cli.Commands.refused;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Arguments are what was typed. */
class ArgumentsTest {
  @TempDir private Path folder;

  @Test
  void noFileIsReadInPlaceOfAnArgument() throws IOException {
    Path words = Files.writeString(folder.resolve("words"), "help\n");
    String line = refused("@" + words);
    assertTrue(line.contains("@" + words), line);
    assertTrue(refused("info", "--model", "@" + words).contains("@" + words));
  }

  @Test
  void noArgumentSteersTheTerminal() {
    // The beginning of a command in seven bits and in eight, and the other direction of writing.
    for (String steering : new String[] {"\u001b[2J", "\u009b2J", "\u202e"}) {
      for (String line :
          new String[] {refused("x" + steering), refused("info", "--model", steering)}) {
        assertTrue(line.contains("?"), line);
        assertTrue(line.chars().noneMatch(c -> steering.charAt(0) == c), line);
      }
    }
  }
}
