package org.halfstep.text;

import java.util.Locale;

/**
 * Lower case by Unicode's default rules: no language's, and a sigma that ends a word is a final one
 * by the standard's definition (Final_Sigma), which java.lang's departs from beside digits.
 */
final class Lowercase {
  private static final int SIGMA = 0x3a3;
  private static final int FINAL_SIGMA = 0x3c2;

  /** Word_Break MidLetter, MidNumLet and Single_Quote, which do not end a word. */
  private static final String INSIDE_WORDS =
      "'.:\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024\u2027\ufe13\ufe52\ufe55\uff07\uff0e\uff1a";

  private Lowercase() {}

  static String of(String text) {
    StringBuilder lower = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      if (c == SIGMA && endsWord(text, i)) {
        lower.appendCodePoint(FINAL_SIGMA);
      } else {
        append(lower, c);
      }
      i += Character.charCount(c);
    }
    return lower.toString();
  }

  /** Each character by itself, whatever stands around it. */
  static String ofEach(String text) {
    StringBuilder lower = new StringBuilder(text.length());
    text.codePoints().forEach(c -> append(lower, c));
    return lower.toString();
  }

  private static void append(StringBuilder lower, int c) {
    if (c < 0x80) {
      lower.append((char) (c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c));
    } else {
      lower.append(Character.toString(c).toLowerCase(Locale.ROOT));
    }
  }

  private static boolean endsWord(String text, int at) {
    int before = at;
    int c = -1;
    while (before > 0) {
      c = text.codePointBefore(before);
      before -= Character.charCount(c);
      if (!isIgnorable(c)) {
        break;
      }
      c = -1;
    }
    if (c < 0 || !isCased(c)) {
      return false;
    }
    for (int after = at + 1; after < text.length(); ) {
      c = text.codePointAt(after);
      if (!isIgnorable(c)) {
        return !isCased(c);
      }
      after += Character.charCount(c);
    }
    return true;
  }

  private static boolean isCased(int c) {
    return Character.isLowerCase(c) || Character.isUpperCase(c) || Character.isTitleCase(c);
  }

  private static boolean isIgnorable(int c) {
    return switch (Character.getType(c)) {
      case Character.NON_SPACING_MARK,
          Character.ENCLOSING_MARK,
          Character.FORMAT,
          Character.MODIFIER_LETTER,
          Character.MODIFIER_SYMBOL ->
          true;
      default -> INSIDE_WORDS.indexOf(c) >= 0;
    };
  }
}
