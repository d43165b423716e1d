package org.halfstep.model;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.halfstep.files.Printable;

/**
 * The words of a card. They come with files of others and are shown to people: a name is one line
 * of a bounded length that steers no terminal.
 */
final class CardText {
  private static final int MAXIMUM_NAMES = 1 << 20;
  private static final int MAXIMUM_ENTRIES = 1_000;

  private CardText() {}

  /** A name; null stays null. */
  static String line(String what, String text) {
    if (text != null && text.length() > Printable.MAXIMUM_LENGTH) {
      throw new IllegalArgumentException(
          what
              + " has "
              + text.length()
              + " characters, expected at most "
              + Printable.MAXIMUM_LENGTH);
    }
    return text == null ? null : Printable.clean(text);
  }

  /** Names of classes; none for null. */
  static List<String> names(String what, List<String> names) {
    if (names == null) {
      return List.of();
    }
    if (names.size() > MAXIMUM_NAMES) {
      throw new IllegalArgumentException(
          what + " has " + names.size() + " names, expected at most " + MAXIMUM_NAMES);
    }
    return names.stream().map(name -> required(what, name)).toList();
  }

  /** Facts by name, sorted, so that a file's bytes do not depend on the order of a hash. */
  static Map<String, String> entries(String what, Map<String, String> entries) {
    if (entries == null) {
      return Map.of();
    }
    if (entries.size() > MAXIMUM_ENTRIES) {
      throw new IllegalArgumentException(
          what + " has " + entries.size() + " entries, expected at most " + MAXIMUM_ENTRIES);
    }
    TreeMap<String, String> sorted = new TreeMap<>();
    entries.forEach((name, fact) -> sorted.put(required(what, name), required(what, fact)));
    return Collections.unmodifiableMap(sorted);
  }

  private static String required(String what, String text) {
    if (text == null) {
      throw new IllegalArgumentException(what + " has null in it, expected text");
    }
    return line(what, text);
  }
}
