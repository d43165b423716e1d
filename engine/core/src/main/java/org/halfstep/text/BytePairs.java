package org.halfstep.text;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;

/**
 * A byte-pair vocabulary: the 256 bytes, the same with the mark that ends a word, one entry per
 * merge in the order of their ranks, and the two special tokens. Ids count in this order.
 * Immutable.
 */
final class BytePairs {
  static final String END_OF_WORD = "</w>";

  private final List<String> tokens = new ArrayList<>();
  private final Map<String, Integer> ids = new HashMap<>();

  /** Left and right id to the id of what they make; a lower id is an earlier merge. */
  private final Map<Long, Integer> merges = new HashMap<>();

  /**
   * @param merges left and right of each, the first merged first
   * @throws IllegalArgumentException in one line, when a merge joins what is not there before it,
   *     or makes what is
   */
  BytePairs(List<String[]> merges) {
    for (String end : new String[] {"", END_OF_WORD}) {
      for (int i = 0; i < ByteSymbols.COUNT; i++) {
        add(ByteSymbols.inOrder(i) + end);
      }
    }
    for (int i = 0; i < merges.size(); i++) {
      String[] pair = merges.get(i);
      if (pair.length != 2) {
        throw new IllegalArgumentException(
            "merge " + (i + 1) + " joins " + pair.length + " symbols; expected two");
      }
      Integer left = ids.get(pair[0]);
      Integer right = ids.get(pair[1]);
      if (left == null || right == null) {
        throw new IllegalArgumentException(
            "merge "
                + (i + 1)
                + " joins \""
                + pair[left == null ? 0 : 1]
                + "\", which is neither a byte nor made by a merge before it");
      }
      Integer known = ids.get(pair[0] + pair[1]);
      if (known != null) {
        throw new IllegalArgumentException(
            "merge " + (i + 1) + " makes \"" + pair[0] + pair[1] + "\", which is there already");
      }
      this.merges.put(key(left, right), add(pair[0] + pair[1]));
    }
    add(ClipWords.START);
    add(ClipWords.END);
  }

  private int add(String token) {
    int id = tokens.size();
    tokens.add(token);
    ids.put(token, id);
    return id;
  }

  private static long key(int left, int right) {
    return (long) left << Integer.SIZE | right;
  }

  /** Left and right of each merge, in order. */
  List<String[]> merges() {
    List<String[]> pairs = new ArrayList<>();
    merges.entrySet().stream()
        .sorted(Map.Entry.comparingByValue())
        .map(Map.Entry::getKey)
        .forEach(
            key ->
                pairs.add(
                    new String[] {token((int) (key >>> Integer.SIZE)), token(key.intValue())}));
    return pairs;
  }

  int size() {
    return tokens.size();
  }

  /** The token of an id in 0 .. size - 1. */
  String token(int id) {
    return tokens.get(id);
  }

  /** The id of a token, or null. */
  Integer id(String token) {
    return ids.get(token);
  }

  /** A pair that was a neighbour when it was seen; it counts while both ends are as they were. */
  private record Pair(int merged, int at, int left, int right) implements Comparable<Pair> {
    @Override
    public int compareTo(Pair other) {
      return merged != other.merged
          ? Integer.compare(merged, other.merged)
          : Integer.compare(at, other.at);
    }
  }

  /**
   * The ids of a word: of its UTF-8 bytes, the last with the end mark, again and again all pairs of
   * the earliest merge that occurs are joined, from left to right. Time is in proportion to n log
   * n.
   */
  int[] encode(String word) {
    byte[] bytes = word.getBytes(StandardCharsets.UTF_8);
    int count = bytes.length;
    int[] symbols = new int[count];
    int[] next = new int[count];
    int[] previous = new int[count];
    for (int i = 0; i < count; i++) {
      String symbol = String.valueOf(ByteSymbols.symbol(bytes[i]));
      symbols[i] = ids.get(i == count - 1 ? symbol + END_OF_WORD : symbol);
      next[i] = i + 1;
      previous[i] = i - 1;
    }
    PriorityQueue<Pair> pairs = new PriorityQueue<>();
    for (int i = 0; i + 1 < count; i++) {
      offer(pairs, symbols, i, i + 1);
    }
    // What a merge makes is joined by later merges alone, since the vocabulary makes nothing twice:
    // the queue never gets a pair that ranks before the one that was taken.
    while (!pairs.isEmpty()) {
      Pair pair = pairs.poll();
      int left = pair.at();
      int right = next[left];
      if (symbols[left] != pair.left() || right >= count || symbols[right] != pair.right()) {
        continue;
      }
      symbols[left] = pair.merged();
      symbols[right] = -1;
      next[left] = next[right];
      if (previous[left] >= 0) {
        offer(pairs, symbols, previous[left], left);
      }
      if (next[left] < count) {
        previous[next[left]] = left;
        offer(pairs, symbols, left, next[left]);
      }
    }
    return Arrays.stream(symbols).filter(symbol -> symbol >= 0).toArray();
  }

  private void offer(PriorityQueue<Pair> pairs, int[] symbols, int left, int right) {
    Integer merged = merges.get(key(symbols[left], symbols[right]));
    if (merged != null) {
      pairs.add(new Pair(merged, left, symbols[left], symbols[right]));
    }
  }
}
