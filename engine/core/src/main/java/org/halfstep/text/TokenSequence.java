package org.halfstep.text;

import java.util.Arrays;

/**
 * What a text encoder takes for one text.
 *
 * @param ids start, the text's, end, padding; always as many as the encoder has positions
 * @param used how many of them come before the padding
 * @param lost the end of the text that did not fit, cleaned; empty when all of it did
 */
public record TokenSequence(int[] ids, int used, String lost) {
  public TokenSequence {
    ids = ids.clone();
  }

  /** A copy of the ids. */
  @Override
  public int[] ids() {
    return ids.clone();
  }

  /** Puts a text's ids between their ends, and cuts or pads them to a length. */
  static TokenSequence of(int start, int[] ids, int end, int padding, int length, String lost) {
    int[] all = new int[length];
    int kept = Math.min(ids.length, length - 2);
    all[0] = start;
    System.arraycopy(ids, 0, all, 1, kept);
    all[kept + 1] = end;
    Arrays.fill(all, kept + 2, length, padding);
    return new TokenSequence(all, kept + 2, lost);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TokenSequence(int[] itsIds, int itsUsed, String itsLost)
        && Arrays.equals(ids, itsIds)
        && used == itsUsed
        && lost.equals(itsLost);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(ids) + lost.hashCode();
  }

  @Override
  public String toString() {
    return "TokenSequence[ids=" + Arrays.toString(ids) + ", used=" + used + ", lost=" + lost + "]";
  }
}
