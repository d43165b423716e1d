package org.halfstep.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.halfstep.files.TextFile;

/**
 * Captions in files of their own: {@code cat.txt} or {@code cat.png.txt} beside {@code cat.png}, a
 * caption a line.
 */
final class CaptionFiles {
  private static final String ENDING = ".txt";

  private final List<CaptionedPicture> pictures = new ArrayList<>();
  private final Set<Path> texts = new HashSet<>();
  private int without;

  private CaptionFiles() {}

  /** The pictures that have captions, in order of their paths. */
  static CaptionFiles read(PictureFiles found) throws IOException {
    CaptionFiles files = new CaptionFiles();
    for (Path picture : found.files()) {
      files.add(picture);
    }
    return files;
  }

  private void add(Path picture) throws IOException {
    String name = picture.getFileName().toString();
    int dot = name.lastIndexOf('.');
    for (String beside : List.of(name.substring(0, dot) + ENDING, name + ENDING)) {
      Path text = picture.resolveSibling(beside);
      if (Files.isRegularFile(text)) {
        texts.add(text);
        List<String> captions =
            TextFile.lines(text).stream()
                .map(String::strip)
                .filter(line -> !line.isEmpty())
                .toList();
        if (!captions.isEmpty()) {
          pictures.add(new CaptionedPicture(picture, Map.of(), captions, Map.of(), 1));
          return;
        }
      }
    }
    without++;
  }

  List<CaptionedPicture> pictures() {
    return pictures;
  }

  /** How many files of captions there are. */
  int texts() {
    return texts.size();
  }

  /** How many pictures have none, or an empty one. */
  int without() {
    return without;
  }
}
