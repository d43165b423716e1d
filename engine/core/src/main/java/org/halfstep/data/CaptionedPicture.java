package org.halfstep.data;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What is known of a picture beside its pixels.
 *
 * @param file where it is
 * @param sizes files of the same picture made for one size, by the side in pixels: taken instead
 *     where that size is wanted
 * @param captions texts that say what it shows, at least one
 * @param columns what else its table says, by the columns' names in small letters; without empty
 *     values
 * @param weight how often it is learned from, relative to others; above 0
 */
public record CaptionedPicture(
    Path file,
    Map<Integer, Path> sizes,
    List<String> captions,
    Map<String, String> columns,
    double weight) {
  static final String CAPTION = "caption";
  static final String LABEL = "label";
  static final String STYLE = "style";
  static final String TAGS = "tags";
  static final String SPLIT = "split";

  /** The split of pictures that are learned from, and of those that name none. */
  public static final String TRAIN = "train";

  public CaptionedPicture {
    sizes = Map.copyOf(sizes);
    captions = List.copyOf(captions);
    columns = Map.copyOf(columns);
    if (captions.isEmpty()) {
      throw new IllegalArgumentException(file + ": has no caption");
    }
    if (!(weight > 0) || Double.isInfinite(weight)) {
      throw new IllegalArgumentException(file + ": weight " + weight + "; expected more than 0");
    }
  }

  /** How the names of columns are compared. */
  static String columnName(String name) {
    return name.strip().toLowerCase(Locale.ROOT);
  }

  /** What a column says of it, or nothing. */
  public String value(String column) {
    return columns.getOrDefault(columnName(column), "");
  }

  /** What it shows, in few words, or nothing. */
  public String label() {
    return columns.getOrDefault(LABEL, "");
  }

  /** How it is drawn, or nothing. */
  public String style() {
    return columns.getOrDefault(STYLE, "");
  }

  /** Keywords; in a table they stand between commas. */
  public List<String> tags() {
    return Arrays.stream(columns.getOrDefault(TAGS, "").split(","))
        .map(String::strip)
        .filter(tag -> !tag.isEmpty())
        .toList();
  }

  /** What it is for: {@value #TRAIN} unless its table says something else. */
  public String split() {
    return columns.getOrDefault(SPLIT, TRAIN);
  }

  /** Its file for a size. */
  Path file(int height, int width) {
    return height == width ? sizes.getOrDefault(height, file) : file;
  }
}
