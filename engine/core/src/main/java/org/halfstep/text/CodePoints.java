package org.halfstep.text;

/** Kinds of characters, as the tokenizers that models were trained with tell them apart. */
final class CodePoints {
  private static final int NEXT_LINE = 0x85;
  private static final int REPLACEMENT = 0xfffd;

  /**
   * First and last of each block of ideographs; Hangul and the Japanese alphabets are not among
   * them.
   */
  private static final int[][] IDEOGRAPHS = {
    {0x4e00, 0x9fff},
    {0x3400, 0x4dbf},
    {0x20000, 0x2a6df},
    {0x2a700, 0x2b73f},
    {0x2b740, 0x2b81f},
    {0x2b820, 0x2ceaf},
    {0xf900, 0xfaff},
    {0x2f800, 0x2fa1f},
  };

  private CodePoints() {}

  /** Unicode's White_Space; the separators U+001C to U+001F are not in it. */
  static boolean isWhiteSpace(int c) {
    return c >= '\t' && c <= '\r' || c == NEXT_LINE || isSeparator(c);
  }

  /** Categories Zs, Zl and Zp. */
  static boolean isSeparator(int c) {
    return switch (Character.getType(c)) {
      case Character.SPACE_SEPARATOR, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR ->
          true;
      default -> false;
    };
  }

  static boolean isLetter(int c) {
    return Character.isLetter(c);
  }

  /** Categories Nd, Nl and No: digits, and everything else that counts. */
  static boolean isNumber(int c) {
    return switch (Character.getType(c)) {
      case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER -> true;
      default -> false;
    };
  }

  /**
   * What BERT's cleaning drops: controls, formats, surrogates and private characters, zero and the
   * replacement character; tabs and ends of lines stay.
   */
  static boolean isDropped(int c) {
    if (c == '\t' || c == '\n' || c == '\r') {
      return false;
    }
    return switch (Character.getType(c)) {
      case Character.CONTROL, Character.FORMAT, Character.SURROGATE, Character.PRIVATE_USE -> true;
      default -> c == REPLACEMENT;
    };
  }

  /** A code point that is not a character in this version of Unicode. */
  static boolean isUnassigned(int c) {
    return Character.getType(c) == Character.UNASSIGNED;
  }

  static boolean isIdeograph(int c) {
    for (int[] block : IDEOGRAPHS) {
      if (c >= block[0] && c <= block[1]) {
        return true;
      }
    }
    return false;
  }

  /** Category Mn: accents that stand on the character before them. */
  static boolean isNonSpacingMark(int c) {
    return Character.getType(c) == Character.NON_SPACING_MARK;
  }

  /** ASCII's punctuation and symbols, and Unicode's categories P. */
  static boolean isPunctuation(int c) {
    if (c < 0x80) {
      return c > ' ' && c < 0x7f && !Character.isLetterOrDigit(c);
    }
    return switch (Character.getType(c)) {
      case Character.CONNECTOR_PUNCTUATION,
          Character.DASH_PUNCTUATION,
          Character.START_PUNCTUATION,
          Character.END_PUNCTUATION,
          Character.INITIAL_QUOTE_PUNCTUATION,
          Character.FINAL_QUOTE_PUNCTUATION,
          Character.OTHER_PUNCTUATION ->
          true;
      default -> false;
    };
  }
}
