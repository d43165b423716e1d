package org.halfstep.data;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.halfstep.files.DataException;

/**
 * The pictures below a folder: the one place that decides what belongs to a folder of pictures,
 * whatever they are wanted for. Everything below counts, through links; what is hidden does not.
 * Nothing else is passed over in silence: files of other kinds are counted, and what has the name
 * of a picture or is a link and cannot be read is refused.
 */
final class PictureFiles {
  private static final Set<String> ENDINGS = Set.of(".png", ".jpg", ".jpeg", ".jpe", ".jfif");
  private static final String NO_ENDING = "without an ending";
  private static final int LONGEST_ENDING = 12;
  private static final int NAMED_ENDINGS = 6;

  /**
   * Ways to one folder, through links. A few links in each of a few folders are ways without end.
   */
  private static final int MOST_WAYS = 1_000;

  private final Path folder;
  private final List<Path> files = new ArrayList<>();
  private final Map<String, Integer> others = new TreeMap<>();
  private final List<Path> broken = new ArrayList<>();
  private final Map<Path, Integer> ways = new HashMap<>();

  private PictureFiles(Path folder) {
    this.folder = folder;
  }

  /**
   * All pictures below a folder, in order of their paths.
   *
   * @throws DataException when links lead nowhere or to one folder in too many ways, or something
   *     with a picture's name is not a file
   * @throws AccessDeniedException when a folder or picture cannot be read
   */
  static PictureFiles below(Path folder) throws IOException {
    PictureFiles found = new PictureFiles(folder);
    found.walk(folder, new HashSet<>());
    found.requireWhole();
    Collections.sort(found.files);
    return found;
  }

  /** Those in a folder itself. */
  static PictureFiles in(Path folder) throws IOException {
    PictureFiles found = new PictureFiles(folder);
    for (Path entry : visible(folder)) {
      if (!Files.isDirectory(entry)) {
        found.take(entry);
      }
    }
    found.requireWhole();
    Collections.sort(found.files);
    return found;
  }

  /** Sub-folders that are not hidden, in order of name. */
  static List<Path> subFolders(Path folder) throws IOException {
    return visible(folder).stream().filter(Files::isDirectory).toList();
  }

  private static List<Path> visible(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries
          .filter(entry -> !entry.getFileName().toString().startsWith("."))
          .sorted()
          .toList();
    }
  }

  /**
   * @param above the folders that this one is in, as they are on the disk: a link to one of them
   *     would never end
   */
  private void walk(Path at, Set<Path> above) throws IOException {
    Path real = at.toRealPath();
    if (!above.add(real)) {
      return;
    }
    if (ways.merge(real, 1, Integer::sum) > MOST_WAYS) {
      throw new DataException(
          folder, "links lead to " + real + " in more than " + MOST_WAYS + " ways: remove some");
    }
    for (Path entry : visible(at)) {
      if (Files.isDirectory(entry)) {
        walk(entry, above);
      } else {
        take(entry);
      }
    }
    above.remove(real);
  }

  private void take(Path entry) throws IOException {
    String ending = ending(entry);
    boolean picture = ENDINGS.contains(ending);
    if (!Files.exists(entry) || picture && !Files.isRegularFile(entry)) {
      broken.add(entry);
    } else if (!picture) {
      others.merge(ending, 1, Integer::sum);
    } else if (Files.isReadable(entry)) {
      files.add(entry);
    } else {
      throw new AccessDeniedException(entry.toString());
    }
  }

  private static String ending(Path file) {
    String name = file.getFileName().toString().strip().toLowerCase(Locale.ROOT);
    int dot = name.lastIndexOf('.');
    return dot < 0 || name.length() - dot > LONGEST_ENDING ? NO_ENDING : name.substring(dot);
  }

  private void requireWhole() throws DataException {
    if (broken.isEmpty()) {
      return;
    }
    Path first = Collections.min(broken);
    throw new DataException(
        first,
        (Files.isSymbolicLink(first) ? "is a link that leads nowhere" : "is not a file")
            + (broken.size() == 1
                ? ""
                : "; there are " + broken.size() + " of them below " + folder)
            + ": repair or remove what cannot be read");
  }

  List<Path> files() {
    return Collections.unmodifiableList(files);
  }

  boolean isEmpty() {
    return files.isEmpty();
  }

  /** Files that are not PNG or JPEG files by their names, counted by ending. */
  Map<String, Integer> others() {
    return Collections.unmodifiableMap(others);
  }

  /** A line about files that are left out, if there are any. */
  static Optional<String> leftOut(Path folder, Map<String, Integer> others) {
    if (others.isEmpty()) {
      return Optional.empty();
    }
    int all = others.values().stream().mapToInt(Integer::intValue).sum();
    return Optional.of(
        "left out of "
            + folder
            + ": "
            + (all == 1 ? "1 file" : all + " files")
            + " ("
            + list(others)
            + "); PNG and JPEG are read");
  }

  /** The most frequent endings with their numbers. */
  static String list(Map<String, Integer> others) {
    String list =
        others.entrySet().stream()
            .sorted(Map.Entry.<String, Integer>comparingByValue(Comparator.reverseOrder()))
            .limit(NAMED_ENDINGS)
            .map(entry -> entry.getValue() + " " + entry.getKey())
            .collect(Collectors.joining(", "));
    return others.size() > NAMED_ENDINGS ? list + ", ..." : list;
  }
}
