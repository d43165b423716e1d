package org.halfstep.text;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.stream.IntStream;

/**
 * CLIP's tokenizer: text is cleaned and lower-cased, cut into words, and the UTF-8 bytes of each
 * word are merged pair by pair, the earliest merge of the list first. The published vocabulary has
 * 49,408 entries. Immutable; any thread may use it.
 *
 * <p>Source: Radford et al. 2021, section 2.4; Sennrich et al. 2016 for the merges.
 */
public final class ClipTokenizer implements Tokenizer {
  /** Positions of the published text encoders. */
  public static final int LENGTH = 77;

  /** Merges of the published vocabulary, and most of one that is made here. */
  public static final int MOST_MERGES = 48_894;

  private static final int SHORTEST = 2;

  private final BytePairs pairs;
  private final PromptCleaning cleaning;
  private final int padding;
  private final boolean namesPadding;

  /**
   * @param padding the id that follows the end token, or -1 for the end token's
   */
  ClipTokenizer(BytePairs pairs, PromptCleaning cleaning, int padding) {
    this.pairs = pairs;
    this.cleaning = cleaning;
    this.namesPadding = padding >= 0;
    this.padding = namesPadding ? padding : pairs.id(ClipWords.END);
  }

  /**
   * Reads a vocabulary: a folder with merges.txt (and vocab.json, which is compared) or with
   * tokenizer.json, or one of the files merges.txt, tokenizer.json, or OpenAI's
   * bpe_simple_vocab_16e6.txt.gz. In a folder, special_tokens_map.json says what the padding is.
   *
   * @throws IOException in one line, when it is not such a vocabulary
   */
  public static ClipTokenizer open(Path path) throws IOException {
    return ClipVocabularyFiles.read(path);
  }

  /** A tokenizer of these merges, each of two symbols, the first merged first. */
  public static ClipTokenizer of(List<String[]> merges) {
    return new ClipTokenizer(new BytePairs(merges), PromptCleaning.TRANSFORMERS, -1);
  }

  /**
   * A tokenizer made for some texts: the pairs of symbols that are most frequent in their words are
   * merged. The same texts, in any order, give the same tokenizer.
   *
   * @param texts each counts once
   * @param mostMerges how many merges at most, from 1 to {@value #MOST_MERGES}
   * @throws IllegalArgumentException in one line, when no pair occurs twice in the texts
   */
  public static ClipTokenizer trained(Collection<String> texts, int mostMerges) {
    if (mostMerges < 1 || mostMerges > MOST_MERGES) {
      throw new IllegalArgumentException(
          "a vocabulary is made of 1 to " + MOST_MERGES + " merges, got " + mostMerges);
    }
    List<String[]> merges = PairTraining.merges(texts, PromptCleaning.TRANSFORMERS, mostMerges);
    if (merges.isEmpty()) {
      throw new IllegalArgumentException(
          "no pair of letters occurs twice in "
              + texts.size()
              + " texts: there is nothing to make a vocabulary of");
    }
    return of(merges);
  }

  /**
   * Writes the files of a tokenizer's folder, as transformers reads them: merges.txt, vocab.json,
   * tokenizer_config.json and special_tokens_map.json.
   */
  public void write(Path folder) throws IOException {
    write(folder, LENGTH);
  }

  /**
   * The same for a text encoder of another length.
   *
   * @param length positions of the encoder
   */
  public void write(Path folder, int length) throws IOException {
    ClipVocabularyFiles.write(folder, pairs, pairs.token(padding), length);
  }

  /**
   * The same vocabulary, with prompts cleaned another way; {@link #open} cleans as transformers.
   */
  public ClipTokenizer withCleaning(PromptCleaning other) {
    return new ClipTokenizer(pairs, other, namesPadding ? padding : -1);
  }

  /** The same vocabulary with another padding: 0 is what Stable Diffusion 2 was trained with. */
  public ClipTokenizer withPadding(int id) {
    if (id < 0 || id >= size()) {
      throw new IllegalArgumentException(
          "padding " + id + " is not an id of this vocabulary: expected 0 to " + (size() - 1));
    }
    return new ClipTokenizer(pairs, cleaning, id);
  }

  /** Left and right of each merge, in order, as {@link #of} takes them. */
  public List<String[]> merges() {
    return pairs.merges();
  }

  /** Number of entries. */
  @Override
  public int size() {
    return pairs.size();
  }

  /** The id that begins every sequence. */
  @Override
  public int start() {
    return pairs.id(ClipWords.START);
  }

  /** The id that ends every text. */
  @Override
  public int end() {
    return pairs.id(ClipWords.END);
  }

  /** The id behind the end. */
  @Override
  public int padding() {
    return padding;
  }

  /** Whether the padding was said, by a folder's files or {@link #withPadding}. */
  public boolean namesPadding() {
    return namesPadding;
  }

  /** The entry of an id, in the vocabulary's own spelling. */
  public String token(int id) {
    return pairs.token(id);
  }

  /** The ids of a text, without start and end. */
  @Override
  public int[] encode(String text) {
    return cleaning.pieces(text).stream()
        .flatMap(piece -> ClipWords.of(piece).stream())
        .flatMapToInt(this::word)
        .toArray();
  }

  private IntStream word(String word) {
    return ClipWords.isSpecial(word)
        ? IntStream.of(pairs.id(word))
        : IntStream.of(pairs.encode(word));
  }

  /** The text of ids; between words is one space. */
  public String decode(int... ids) {
    StringBuilder text = new StringBuilder();
    StringBuilder word = new StringBuilder();
    for (int id : ids) {
      String token = pairs.token(id);
      if (ClipWords.isSpecial(token)) {
        text.append(token).append(' ');
      } else if (token.endsWith(BytePairs.END_OF_WORD)) {
        word.append(token, 0, token.length() - BytePairs.END_OF_WORD.length());
        text.append(ByteSymbols.text(word.toString())).append(' ');
        word.setLength(0);
      } else {
        word.append(token);
      }
    }
    return text.append(ByteSymbols.text(word.toString())).toString().strip();
  }

  /** What the text encoder takes, of {@link #LENGTH} ids. */
  public TokenSequence sequence(String text) {
    return sequence(text, LENGTH);
  }

  /**
   * What a text encoder of another length takes: start, as much of the text as there is room for,
   * end, padding.
   *
   * @param length at least 2
   */
  @Override
  public TokenSequence sequence(String text, int length) {
    if (length < SHORTEST) {
      throw new IllegalArgumentException(
          "a sequence of " + length + " has no room for start and end: expected at least 2");
    }
    int[] ids = encode(text);
    int room = length - 2;
    String lost = ids.length <= room ? "" : decode(Arrays.copyOfRange(ids, room, ids.length));
    return TokenSequence.of(start(), ids, end(), padding, length, lost);
  }
}
