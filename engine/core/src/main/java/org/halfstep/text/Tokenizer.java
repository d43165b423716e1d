package org.halfstep.text;

/**
 * What makes the numbers of a text that a text encoder takes: start, the text's own, end, padding.
 * Immutable; any thread may use it.
 */
public sealed interface Tokenizer permits ClipTokenizer, WordPieceTokenizer {
  /** Number of entries. */
  int size();

  /** The id of the token that begins every sequence. */
  int start();

  /** The id of the token that ends every text. */
  int end();

  /** The id of padding. */
  int padding();

  /** The ids of a text, without start and end. */
  int[] encode(String text);

  /**
   * What a text encoder takes: start, as much of the text as there is room for, end, padding.
   *
   * @param length at least 2
   */
  TokenSequence sequence(String text, int length);
}
