package org.halfstep.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.halfstep.files.DataException;
import org.halfstep.files.TextFile;

/**
 * Reader of {@value #NAME}: a header with the names of the columns, then a picture a line, values
 * apart by tabs, without quotes. The columns {@code file} (a path below the table's folder) and
 * {@code caption} are needed; {@code weight}, {@code split}, {@code label}, {@code style} and
 * {@code tags} are understood, {@code file 64} is the same picture made for 64 pixels, and what
 * other columns say may stand in captions. A file that stands in several lines has several
 * captions.
 */
final class CaptionTable {
  static final String NAME = "captions.tsv";

  private static final String FILE = "file";
  private static final String WEIGHT = "weight";
  private static final Pattern FILE_OF_SIZE = Pattern.compile("file ([1-9][0-9]{0,4})");
  private static final Pattern SPLIT_NAME = Pattern.compile("[\\p{L}\\p{N}_ -]{1,64}");
  private static final long MOST_BYTES = 1 << 28;
  private static final int MOST_COLUMNS = 64;
  private static final int MOST_PICTURES = 1 << 24;
  private static final int LONGEST_CAPTION = 10_000;
  private static final double LARGEST_WEIGHT = 1e6;
  private static final double SMALLEST_WEIGHT = 1e-6;

  private final Path folder;
  private final Path table;
  private final List<String> header = new ArrayList<>();
  private final Map<Path, Row> rows = new LinkedHashMap<>();

  /** A picture as far as it was read; lines after the first of a file add captions. */
  private record Row(
      int line,
      Map<Integer, Path> sizes,
      List<String> captions,
      Map<String, String> columns,
      double weight) {}

  private CaptionTable(Path folder) {
    this.folder = folder;
    this.table = folder.resolve(NAME);
  }

  /** Whether a folder has such a table. */
  static boolean isIn(Path folder) {
    return Files.exists(folder.resolve(NAME));
  }

  /**
   * All pictures of a table, in its order, each of which is among the files of the folder.
   *
   * @param found the pictures below the folder
   * @throws DataException naming the line, when it cannot be understood or names what is not there
   */
  static List<CaptionedPicture> read(Path folder, PictureFiles found) throws IOException {
    CaptionTable table = new CaptionTable(folder);
    table.read();
    table.requireThere(new HashSet<>(found.files()));
    List<CaptionedPicture> pictures = new ArrayList<>();
    table.rows.forEach(
        (file, row) ->
            pictures.add(
                new CaptionedPicture(file, row.sizes, row.captions, row.columns, row.weight)));
    return pictures;
  }

  private void read() throws IOException {
    List<String> lines = TextFile.lines(table, MOST_BYTES);
    if (lines.isEmpty()) {
      throw new DataException(table, "is empty, expected a header and a picture a line");
    }
    readHeader(lines.getFirst());
    for (int i = 1; i < lines.size(); i++) {
      if (!lines.get(i).isBlank()) {
        readRow(i + 1, lines.get(i).split("\t", -1));
      }
    }
    if (rows.isEmpty()) {
      throw new DataException(table, "has a header and no picture");
    }
  }

  private void readHeader(String line) throws DataException {
    for (String name : line.split("\t", -1)) {
      String column = CaptionedPicture.columnName(name);
      if (column.isEmpty() || header.contains(column)) {
        throw wrong(
            1,
            "column "
                + (header.size() + 1)
                + (column.isEmpty() ? " has no name" : " has the name of another one: " + column));
      }
      header.add(column);
    }
    if (header.size() > MOST_COLUMNS) {
      throw wrong(1, header.size() + " columns; expected at most " + MOST_COLUMNS);
    }
    for (String needed : List.of(FILE, CaptionedPicture.CAPTION)) {
      if (!header.contains(needed)) {
        throw wrong(
            1,
            "expected columns apart by tabs, "
                + FILE
                + " and "
                + CaptionedPicture.CAPTION
                + " among them, found "
                + ClassNames.list(header));
      }
    }
  }

  private void readRow(int line, String[] values) throws DataException {
    if (values.length > header.size()) {
      throw wrong(line, values.length + " columns; the header has " + header.size());
    }
    Map<String, String> columns = new HashMap<>();
    for (int i = 0; i < values.length; i++) {
      if (!values[i].isBlank()) {
        columns.put(header.get(i), values[i].strip());
      }
    }
    Path file = file(line, required(line, columns, FILE));
    String caption = required(line, columns, CaptionedPicture.CAPTION);
    if (caption.length() > LONGEST_CAPTION) {
      throw wrong(
          line,
          "a caption of " + caption.length() + " characters; expected at most " + LONGEST_CAPTION);
    }
    Map<Integer, Path> sizes = new HashMap<>();
    for (String column : header) {
      Matcher ofSize = FILE_OF_SIZE.matcher(column);
      if (ofSize.matches() && columns.containsKey(column)) {
        sizes.put(Integer.valueOf(ofSize.group(1)), file(line, columns.remove(column)));
      }
    }
    double weight = weight(line, columns.remove(WEIGHT));
    String split = columns.getOrDefault(CaptionedPicture.SPLIT, CaptionedPicture.TRAIN);
    if (!SPLIT_NAME.matcher(split).matches()) {
      throw wrong(
          line, "split \"" + split + "\"; expected a word such as " + CaptionedPicture.TRAIN);
    }
    Row before = rows.get(file);
    if (before == null) {
      List<String> captions = new ArrayList<>(List.of(caption));
      rows.put(file, new Row(line, sizes, captions, columns, weight));
    } else if (before.columns.equals(columns)
        && before.sizes.equals(sizes)
        && before.weight == weight) {
      before.captions.add(caption);
    } else {
      throw wrong(
          line,
          "the file of line "
              + before.line
              + " with other values; lines of one file differ in their captions alone");
    }
    if (rows.size() > MOST_PICTURES) {
      throw wrong(line, "more than " + MOST_PICTURES + " pictures");
    }
  }

  private String required(int line, Map<String, String> columns, String name) throws DataException {
    String value = columns.remove(name);
    if (value == null) {
      throw wrong(line, "has no " + name);
    }
    return value;
  }

  private double weight(int line, String text) throws DataException {
    if (text == null) {
      return 1;
    }
    double weight;
    try {
      weight = Double.parseDouble(text);
    } catch (NumberFormatException _) {
      weight = Double.NaN;
    }
    if (weight >= SMALLEST_WEIGHT && weight <= LARGEST_WEIGHT) {
      return weight;
    }
    throw wrong(
        line,
        "weight \""
            + text
            + "\"; expected a number from "
            + SMALLEST_WEIGHT
            + " to "
            + LARGEST_WEIGHT);
  }

  /** As walking the folder names it. */
  private Path file(int line, String name) throws DataException {
    try {
      Path path = Path.of(name).normalize();
      if (!path.isAbsolute() && !path.startsWith("..") && !path.toString().isEmpty()) {
        return folder.resolve(path);
      }
    } catch (InvalidPathException _) {
      // Said below.
    }
    throw wrong(line, "file \"" + name + "\"; expected a path below the table's folder");
  }

  private void requireThere(Set<Path> there) throws DataException {
    Path first = null;
    int line = 0;
    int missing = 0;
    for (Map.Entry<Path, Row> entry : rows.entrySet()) {
      List<Path> named = new ArrayList<>(entry.getValue().sizes.values());
      named.add(entry.getKey());
      for (Path file : named) {
        if (!there.contains(file)) {
          missing++;
          if (first == null) {
            first = file;
            line = entry.getValue().line;
          }
        }
      }
    }
    if (first != null) {
      throw wrong(
          line,
          folder.relativize(first)
              + (Files.exists(first)
                  ? " is hidden, or no PNG or JPEG file by its name"
                  : " is not there")
              + (missing == 1 ? "" : "; there are " + missing + " such")
              + ": bring them, or remove their lines");
    }
  }

  private DataException wrong(int line, String problem) {
    return new DataException(table, "line " + line + ": " + problem);
  }
}
