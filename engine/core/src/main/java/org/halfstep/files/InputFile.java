package org.halfstep.files;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** A file that is about to be read. */
public final class InputFile {
  private static final int NAMED = 4;

  private InputFile() {}

  /**
   * Refuses what cannot be read as a file, before the system does so in words without a name.
   *
   * @param expected what should be there, such as "a weights file"
   * @param ending of the files meant; those of a folder that was given instead are named
   * @throws NoSuchFileException when nothing is there
   * @throws DataException when it is a folder, a device or a pipe
   */
  public static void require(Path path, String expected, String ending) throws IOException {
    if (Files.isRegularFile(path)) {
      return;
    }
    if (Files.isDirectory(path)) {
      throw new DataException(path, "is a folder, expected " + expected + inside(path, ending));
    }
    if (!Files.exists(path)) {
      throw new NoSuchFileException(path.toString());
    }
    throw new DataException(path, "is a device or a pipe, expected " + expected);
  }

  private static String inside(Path folder, String ending) {
    try (Stream<Path> entries = Files.list(folder)) {
      List<String> names =
          entries
              .map(entry -> entry.getFileName().toString())
              .filter(name -> name.endsWith(ending) && !name.startsWith("."))
              .sorted()
              .limit(NAMED + 1)
              .toList();
      if (names.isEmpty()) {
        return "";
      }
      String list = String.join(", ", names.subList(0, Math.min(NAMED, names.size())));
      return "; it has " + list + (names.size() > NAMED ? ", ..." : "") + " in it";
    } catch (IOException unreadable) {
      return "";
    }
  }
}
