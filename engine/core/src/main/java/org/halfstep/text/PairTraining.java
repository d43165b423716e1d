package org.halfstep.text;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.TreeMap;

/**
 * Finds the merges of a byte-pair vocabulary: again and again the pair of neighbours that is most
 * frequent in the words of some texts becomes one symbol (Sennrich et al. 2016, algorithm 1). Of
 * pairs that are equally frequent the one of lower bytes comes first, so the same texts give the
 * same merges on any machine. A pair that would make what is there already is passed over, as
 * {@link BytePairs} refuses it.
 *
 * <p>Counts are kept, and only the words that have a pair are looked at when it is merged: time is
 * in proportion to what changes.
 */
final class PairTraining {
  /** A pair that occurs once says nothing about other texts. */
  private static final int LEAST_COUNT = 2;

  /** Behind the bytes of a symbol that ends a word, after every byte. */
  private static final char END = 0x100;

  private final List<String> tokens = new ArrayList<>();

  /** Bytes of each symbol as characters, by which equally frequent pairs are ordered. */
  private final List<String> bytes = new ArrayList<>();

  private final Map<String, Integer> ids = new HashMap<>();
  private final List<Word> words = new ArrayList<>();
  private final Map<Long, Occurrences> pairs = new HashMap<>();
  private final PriorityQueue<Candidate> queue = new PriorityQueue<>(order());

  /** A word as its symbols. */
  private static final class Word {
    private final long count;
    private int[] symbols;

    private Word(long count, int[] symbols) {
      this.count = count;
      this.symbols = symbols;
    }
  }

  /** How often a pair occurs, and the words in which it does, or did. */
  private static final class Occurrences {
    private long count;
    private final Set<Integer> words = new HashSet<>();
  }

  /** A pair with the count that it had when it was put into the queue. */
  private record Candidate(long pair, long count) {}

  private PairTraining(Map<String, Long> counts) {
    // In the order of their letters: which words were seen first decides nothing.
    new TreeMap<>(counts).forEach((word, count) -> words.add(new Word(count, symbols(word))));
    for (int word = 0; word < words.size(); word++) {
      count(word, 1);
    }
    pairs.forEach((pair, found) -> offer(pair, found.count));
  }

  /**
   * The merges of some texts.
   *
   * @param most how many at most; fewer where no pair occurs twice any more
   * @return left and right of each, the first merged first
   */
  static List<String[]> merges(Collection<String> texts, PromptCleaning cleaning, int most) {
    Map<String, Long> counts = new HashMap<>();
    for (String text : texts) {
      for (String piece : cleaning.pieces(text)) {
        for (String word : ClipWords.of(piece)) {
          if (!ClipWords.isSpecial(word)) {
            counts.merge(word, 1L, Long::sum);
          }
        }
      }
    }
    return new PairTraining(counts).run(most);
  }

  private List<String[]> run(int most) {
    List<String[]> merges = new ArrayList<>();
    while (merges.size() < most && !queue.isEmpty()) {
      Candidate best = queue.poll();
      long count = pairs.get(best.pair).count;
      if (count != best.count) {
        offer(best.pair, count);
        continue;
      }
      String left = tokens.get(left(best.pair));
      String right = tokens.get(right(best.pair));
      if (!ids.containsKey(left + right)) {
        merges.add(new String[] {left, right});
        merge(best.pair);
      }
    }
    return merges;
  }

  // ---- Symbols

  private int[] symbols(String word) {
    byte[] utf8 = word.getBytes(StandardCharsets.UTF_8);
    int[] symbols = new int[utf8.length];
    for (int i = 0; i < utf8.length; i++) {
      boolean ends = i == utf8.length - 1;
      String symbol = String.valueOf(ByteSymbols.symbol(utf8[i]));
      String letter = String.valueOf((char) (utf8[i] & 0xff));
      symbols[i] = id(ends ? symbol + BytePairs.END_OF_WORD : symbol, ends ? letter + END : letter);
    }
    return symbols;
  }

  private int id(String token, String itsBytes) {
    Integer known = ids.putIfAbsent(token, tokens.size());
    if (known != null) {
      return known;
    }
    tokens.add(token);
    bytes.add(itsBytes);
    return tokens.size() - 1;
  }

  private static long pair(int left, int right) {
    return (long) left << Integer.SIZE | right;
  }

  private static int left(long pair) {
    return (int) (pair >>> Integer.SIZE);
  }

  private static int right(long pair) {
    return (int) pair;
  }

  // ---- Counts

  private Comparator<Candidate> order() {
    return Comparator.comparingLong(Candidate::count)
        .reversed()
        .thenComparing(candidate -> bytes.get(left(candidate.pair)))
        .thenComparing(candidate -> bytes.get(right(candidate.pair)));
  }

  private void offer(long pair, long count) {
    if (count >= LEAST_COUNT) {
      queue.add(new Candidate(pair, count));
    }
  }

  /** Adds the pairs of a word to the counts, or takes them away. */
  private void count(int word, int sign) {
    Word counted = words.get(word);
    for (int i = 0; i + 1 < counted.symbols.length; i++) {
      long pair = pair(counted.symbols[i], counted.symbols[i + 1]);
      Occurrences found = pairs.computeIfAbsent(pair, _ -> new Occurrences());
      found.count += sign * counted.count;
      found.words.add(word);
    }
  }

  /** Makes one symbol of a pair in every word that has it, from left to right. */
  private void merge(long pair) {
    int left = left(pair);
    int right = right(pair);
    int made = id(tokens.get(left) + tokens.get(right), bytes.get(left) + bytes.get(right));
    Set<Long> grown = new HashSet<>();
    for (int word : pairs.get(pair).words) {
      Word changed = words.get(word);
      int[] joined = joined(changed.symbols, left, right, made);
      if (joined.length == changed.symbols.length) {
        continue;
      }
      count(word, -1);
      changed.symbols = joined;
      count(word, 1);
      for (int i = 0; i + 1 < joined.length; i++) {
        if (joined[i] == made || joined[i + 1] == made) {
          grown.add(pair(joined[i], joined[i + 1]));
        }
      }
    }
    grown.forEach(each -> offer(each, pairs.get(each).count));
  }

  private static int[] joined(int[] symbols, int left, int right, int made) {
    int[] joined = new int[symbols.length];
    int length = 0;
    for (int i = 0; i < symbols.length; i++) {
      boolean both = i + 1 < symbols.length && symbols[i] == left && symbols[i + 1] == right;
      joined[length++] = both ? made : symbols[i];
      i += both ? 1 : 0;
    }
    return Arrays.copyOf(joined, length);
  }
}
