package org.halfstep.files;

/**
 * Text that came from a file, on its way to people: one line of a bounded length, without the
 * characters that steer a terminal or turn the direction of writing.
 */
public final class Printable {
  /** Characters of a line that are shown; what follows is cut. */
  public static final int MAXIMUM_LENGTH = 400;

  private static final String CUT = "...";

  private Printable() {}

  /** The text with every character that does not print as itself replaced by {@code ?}, cut. */
  public static String line(String text) {
    String shown = text.length() > MAXIMUM_LENGTH ? text.substring(0, MAXIMUM_LENGTH) + CUT : text;
    return clean(shown);
  }

  /** The same in full length. */
  public static String clean(String text) {
    StringBuilder clean = null;
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      if (steers(c)) {
        clean = clean == null ? new StringBuilder(text) : clean;
        clean.setCharAt(i, '?');
      }
      i += Character.charCount(c);
    }
    return clean == null ? text : clean.toString();
  }

  private static boolean steers(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.SURROGATE ->
          true;
      // Overrides and isolates of the direction of writing; joiners are part of ordinary words.
      case Character.FORMAT -> c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069;
      default -> false;
    };
  }
}
