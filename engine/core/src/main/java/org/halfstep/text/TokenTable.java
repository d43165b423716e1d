package org.halfstep.text;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/**
 * The tokens of many texts, by their numbers, as text encoders take them: start, the text's own,
 * end, padding. Behind the last text stands the empty one, which is what guidance leads away from.
 * Immutable; any thread may use it.
 */
public final class TokenTable {
  private final int length;
  private final int texts;
  private final int[] ids;
  private final int cut;

  private TokenTable(int length, int texts, int[] ids, int cut) {
    this.length = length;
    this.texts = texts;
    this.ids = ids;
    this.cut = cut;
  }

  /**
   * Tokens of texts.
   *
   * @param length positions of a sequence, at least 2; what of a text does not fit is left out
   */
  public static TokenTable of(Tokenizer tokenizer, List<String> texts, int length) {
    int[] ids = new int[Math.multiplyExact(texts.size() + 1, length)];
    int cut = 0;
    for (int i = 0; i <= texts.size(); i++) {
      TokenSequence sequence = tokenizer.sequence(i == texts.size() ? "" : texts.get(i), length);
      System.arraycopy(sequence.ids(), 0, ids, i * length, length);
      cut += sequence.lost().isEmpty() ? 0 : 1;
    }
    return new TokenTable(length, texts.size(), ids, cut);
  }

  /** Positions of a sequence. */
  public int length() {
    return length;
  }

  /** How many texts there are, without the empty one, which has this number. */
  public int texts() {
    return texts;
  }

  /** How many of them were too long. */
  public int cut() {
    return cut;
  }

  /**
   * Writes the tokens of a text as 32-bit integers. Does not allocate.
   *
   * @param text its number; {@link #texts} for the empty one
   * @throws IllegalArgumentException if there is no such text; a GPU could not say so
   */
  public void copy(int text, MemorySegment destination, long byteOffset) {
    if (text < 0 || text > texts) {
      throw new IllegalArgumentException(
          "the numbers of texts run from 0 to " + texts + ", the empty one's, got " + text);
    }
    MemorySegment.copy(ids, text * length, destination, ValueLayout.JAVA_INT, byteOffset, length);
  }

  /** SHA-256 of all tokens, in hexadecimal. */
  public String sha256() {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      ByteBuffer row = ByteBuffer.allocate(Integer.BYTES * length);
      for (int i = 0; i <= texts; i++) {
        row.asIntBuffer().put(ids, i * length, length);
        digest.update(row.array());
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
