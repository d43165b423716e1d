package org.halfstep.text;

import java.util.ArrayList;
import java.util.List;

/**
 * Cuts cleaned text into what CLIP merges bytes in: a special token, the ending of a contraction, a
 * run of letters, one digit, a run of anything else. White space separates and is gone.
 */
final class ClipWords {
  static final String START = "<|startoftext|>";
  static final String END = "<|endoftext|>";

  private static final String[] SPECIAL = {START, END};
  private static final String[] ENDINGS = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};

  private enum Kind {
    SPACE,
    LETTER,
    NUMBER,
    OTHER
  }

  private ClipWords() {}

  /** The special token that begins at a place, or null. */
  static String special(String text, int at) {
    return text.charAt(at) == '<' ? first(SPECIAL, text, at) : null;
  }

  static boolean isSpecial(String word) {
    return word.equals(START) || word.equals(END);
  }

  static List<String> of(String text) {
    List<String> words = new ArrayList<>();
    for (int i = 0; i < text.length(); ) {
      String fixed = special(text, i);
      if (fixed == null && text.charAt(i) == '\'') {
        fixed = first(ENDINGS, text, i);
      }
      if (fixed != null) {
        words.add(fixed);
        i += fixed.length();
        continue;
      }
      int end = next(text, i);
      Kind kind = kind(text, i);
      if (kind == Kind.LETTER || kind == Kind.OTHER) {
        while (end < text.length() && kind(text, end) == kind) {
          end = next(text, end);
        }
      }
      if (kind != Kind.SPACE) {
        words.add(text.substring(i, end));
      }
      i = end;
    }
    return words;
  }

  private static String first(String[] choices, String text, int at) {
    for (String choice : choices) {
      if (text.startsWith(choice, at)) {
        return choice;
      }
    }
    return null;
  }

  private static int next(String text, int at) {
    return at + Character.charCount(text.codePointAt(at));
  }

  private static Kind kind(String text, int at) {
    int c = text.codePointAt(at);
    if (CodePoints.isWhiteSpace(c)) {
      return Kind.SPACE;
    }
    if (CodePoints.isLetter(c)) {
      return Kind.LETTER;
    }
    return CodePoints.isNumber(c) ? Kind.NUMBER : Kind.OTHER;
  }
}
