package org.halfstep.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The printable characters that stand for the 256 bytes in byte-pair vocabularies: a byte that
 * prints in Latin-1 is itself, the others are U+0100 and on, in ascending order.
 */
final class ByteSymbols {
  static final int COUNT = 256;

  private static final int FIRST_STAND_IN = 0x100;
  private static final char[] SYMBOL = new char[COUNT];

  /** The vocabulary's order: those that print, then those that do not. */
  private static final int[] ORDER = new int[COUNT];

  private static final int[] BYTE = new int[FIRST_STAND_IN + COUNT];

  static {
    int known = 0;
    for (int b = 0; b < COUNT; b++) {
      if (prints(b)) {
        SYMBOL[b] = (char) b;
        ORDER[known++] = b;
      }
    }
    int standIn = FIRST_STAND_IN;
    for (int b = 0; b < COUNT; b++) {
      if (!prints(b)) {
        SYMBOL[b] = (char) standIn++;
        ORDER[known++] = b;
      }
    }
    Arrays.fill(BYTE, -1);
    for (int b = 0; b < COUNT; b++) {
      BYTE[SYMBOL[b]] = b;
    }
  }

  private ByteSymbols() {}

  private static boolean prints(int b) {
    return b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae;
  }

  /** The symbol at a place of the vocabulary. */
  static char inOrder(int index) {
    return SYMBOL[ORDER[index]];
  }

  static char symbol(byte b) {
    return SYMBOL[b & 0xff];
  }

  /**
   * The text whose bytes these symbols are; what is not UTF-8 shows as the replacement character.
   */
  static String text(String symbols) {
    byte[] bytes = new byte[symbols.length()];
    int length = 0;
    for (int i = 0; i < symbols.length(); i++) {
      char symbol = symbols.charAt(i);
      if (symbol < BYTE.length && BYTE[symbol] >= 0) {
        bytes[length++] = (byte) BYTE[symbol];
      }
    }
    return new String(bytes, 0, length, StandardCharsets.UTF_8);
  }
}
