package org.halfstep.text;

import java.io.IOException;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * BERT's tokenizer: text is cleaned, freed of accents and lower-cased, cut at white space and
 * punctuation, and each word is taken apart into the longest pieces that the vocabulary has, from
 * left to right; a word that has none, or more than 100 characters, is the unknown token.
 * Immutable; any thread may use it.
 *
 * <p>Source: Devlin et al. 2018; Wu et al. 2016, section 4.1.
 */
public final class WordPieceTokenizer implements Tokenizer {
  private static final int SHORTEST = 2;

  /**
   * How words are taken apart.
   *
   * @param lowercase whether text is lower-cased and loses its accents
   * @param inside what begins a piece that does not begin a word
   * @param unknown stands for a word that cannot be taken apart
   * @param longest characters of a word that is taken apart
   */
  record Rules(boolean lowercase, String inside, String unknown, int longest) {
    static final Rules BERT = new Rules(true, "##", "[UNK]", 100);
  }

  private final WordPieceVocabulary vocabulary;
  private final Rules rules;

  WordPieceTokenizer(WordPieceVocabulary vocabulary) {
    this.vocabulary = vocabulary;
    this.rules = vocabulary.rules();
  }

  /**
   * Reads a vocabulary: tokenizer.json, or vocab.txt with one entry a line, or a folder that has
   * one of them.
   *
   * @throws IOException in one line, when it is not such a vocabulary
   */
  public static WordPieceTokenizer open(Path path) throws IOException {
    return new WordPieceTokenizer(WordPieceVocabulary.read(path));
  }

  /** Number of entries. */
  @Override
  public int size() {
    return vocabulary.size();
  }

  /** The id of the token that begins every sequence. */
  @Override
  public int start() {
    return vocabulary.start();
  }

  /** The id of the token that ends every text. */
  @Override
  public int end() {
    return vocabulary.end();
  }

  /** The id of padding. */
  @Override
  public int padding() {
    return vocabulary.padding();
  }

  /** The ids of a text, without start and end. */
  @Override
  public int[] encode(String text) {
    return pieces(text).stream().mapToInt(piece -> vocabulary.id(piece.token())).toArray();
  }

  /**
   * What a text encoder takes: start, as much of the text as there is room for, end, padding.
   *
   * @param length at least 2
   */
  @Override
  public TokenSequence sequence(String text, int length) {
    if (length < SHORTEST) {
      throw new IllegalArgumentException(
          "a sequence of " + length + " has no room for start and end: expected at least 2");
    }
    List<Piece> pieces = pieces(text);
    int[] ids = pieces.stream().mapToInt(piece -> vocabulary.id(piece.token())).toArray();
    StringBuilder lost = new StringBuilder();
    for (Piece piece : pieces.subList(Math.min(length - 2, pieces.size()), pieces.size())) {
      lost.append(piece.beginsWord() && !lost.isEmpty() ? " " : "").append(piece.text());
    }
    return TokenSequence.of(start(), ids, end(), padding(), length, lost.toString());
  }

  /** An entry of the vocabulary, and the cleaned text that it stands for. */
  private record Piece(String token, String text, boolean beginsWord) {}

  private List<Piece> pieces(String text) {
    List<Piece> pieces = new ArrayList<>();
    int from = 0;
    for (int i = 0; i < text.length(); ) {
      String special = vocabulary.special(text, i);
      if (special == null) {
        i++;
        continue;
      }
      addWords(pieces, text.substring(from, i));
      pieces.add(new Piece(special, special, true));
      i += special.length();
      from = i;
    }
    addWords(pieces, text.substring(from));
    return pieces;
  }

  private void addWords(List<Piece> pieces, String text) {
    for (String word : words(clean(text))) {
      addPieces(pieces, word);
    }
  }

  private String clean(String text) {
    StringBuilder kept = new StringBuilder(text.length() + 8);
    text.codePoints()
        .forEach(
            c -> {
              if (CodePoints.isIdeograph(c)) {
                kept.append(' ').appendCodePoint(c).append(' ');
              } else if (!CodePoints.isDropped(c)) {
                kept.appendCodePoint(CodePoints.isWhiteSpace(c) ? ' ' : c);
              }
            });
    if (!rules.lowercase()) {
      return kept.toString();
    }
    StringBuilder bare = new StringBuilder(kept.length());
    Normalizer.normalize(kept, Normalizer.Form.NFD)
        .codePoints()
        .filter(c -> !CodePoints.isNonSpacingMark(c))
        .forEach(bare::appendCodePoint);
    return Lowercase.ofEach(bare.toString());
  }

  /** Runs of what is neither white space nor punctuation, and each punctuation mark by itself. */
  private static List<String> words(String text) {
    List<String> words = new ArrayList<>();
    int from = 0;
    for (int i = 0; i <= text.length(); ) {
      int c = i < text.length() ? text.codePointAt(i) : ' ';
      boolean mark = CodePoints.isPunctuation(c);
      if (mark || CodePoints.isWhiteSpace(c)) {
        if (from < i) {
          words.add(text.substring(from, i));
        }
        if (mark) {
          words.add(Character.toString(c));
        }
        from = i + Character.charCount(c);
      }
      i += Character.charCount(c);
    }
    return words;
  }

  private void addPieces(List<Piece> pieces, String word) {
    int[] ends = ends(word);
    List<Piece> found = new ArrayList<>();
    if (ends.length > rules.longest()) {
      pieces.add(new Piece(rules.unknown(), word, true));
      return;
    }
    for (int from = 0, first = 0; from < word.length(); ) {
      Piece longest = null;
      for (int last = ends.length - 1; last >= first; last--) {
        String text = word.substring(from, ends[last]);
        String token = from == 0 ? text : rules.inside() + text;
        if (vocabulary.has(token)) {
          longest = new Piece(token, text, from == 0);
          from = ends[last];
          first = last + 1;
          break;
        }
      }
      if (longest == null) {
        pieces.add(new Piece(rules.unknown(), word, true));
        return;
      }
      found.add(longest);
    }
    pieces.addAll(found);
  }

  /** Where each character of a word ends. */
  private static int[] ends(String word) {
    int[] ends = IntStream.range(1, word.length() + 1).toArray();
    return Arrays.stream(ends)
        .filter(
            end ->
                end == word.length()
                    || !Character.isSurrogatePair(word.charAt(end - 1), word.charAt(end)))
        .toArray();
  }
}
