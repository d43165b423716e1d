package org.halfstep.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PairTrainingTest {
  private static final List<String> TEXTS =
      List.of(
          "grinning face, noto style",
          "Grinning Face with big eyes",
          "face, grin, grinning",
          "woman's hat: wo-man, wo-man",
          "naïve café 東京 東京 🐱🐱🐱",
          "aaaa aaaaa aaaaaa aaaaaaa",
          "abcabc bcabca abab abababab",
          "3.5mm, 35 mm; <|endoftext|> face");

  @TempDir private Path folder;

  /** Merges by counting everything anew each time, on strings. */
  private static List<String[]> naive(List<String> texts, int most) {
    List<List<String>> words = new ArrayList<>();
    for (String text : texts) {
      for (String piece : PromptCleaning.TRANSFORMERS.pieces(text)) {
        for (String word : ClipWords.of(piece)) {
          if (!ClipWords.isSpecial(word)) {
            words.add(letters(word));
          }
        }
      }
    }
    Set<String> known = new HashSet<>();
    words.forEach(known::addAll);
    List<String[]> merges = new ArrayList<>();
    while (merges.size() < most) {
      Map<List<String>, Integer> counts = new LinkedHashMap<>();
      for (List<String> word : words) {
        for (int i = 0; i + 1 < word.size(); i++) {
          counts.merge(List.of(word.get(i), word.get(i + 1)), 1, Integer::sum);
        }
      }
      List<String> best = null;
      for (Map.Entry<List<String>, Integer> each : counts.entrySet()) {
        List<String> pair = each.getKey();
        if (each.getValue() < 2 || known.contains(pair.get(0) + pair.get(1))) {
          continue;
        }
        int more = best == null ? 1 : each.getValue() - counts.get(best);
        if (more > 0 || more == 0 && isBefore(pair, best)) {
          best = pair;
        }
      }
      if (best == null) {
        return merges;
      }
      String made = best.get(0) + best.get(1);
      known.add(made);
      merges.add(new String[] {best.get(0), best.get(1)});
      for (List<String> word : words) {
        for (int i = 0; i + 1 < word.size(); i++) {
          if (word.get(i).equals(best.get(0)) && word.get(i + 1).equals(best.get(1))) {
            word.set(i, made);
            word.remove(i + 1);
          }
        }
      }
    }
    return merges;
  }

  private static List<String> letters(String word) {
    List<String> letters = new ArrayList<>();
    byte[] bytes = word.getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i < bytes.length; i++) {
      letters.add(ByteSymbols.symbol(bytes[i]) + (i == bytes.length - 1 ? "</w>" : ""));
    }
    return letters;
  }

  private static boolean isBefore(List<String> pair, List<String> other) {
    int left = compareBytes(pair.get(0), other.get(0));
    return left < 0 || left == 0 && compareBytes(pair.get(1), other.get(1)) < 0;
  }

  /** By their bytes without sign; the mark of an end is above all of them. */
  private static int compareBytes(String a, String b) {
    int[] left = bytes(a);
    int[] right = bytes(b);
    for (int i = 0; i < Math.min(left.length, right.length); i++) {
      if (left[i] != right[i]) {
        return Integer.compare(left[i], right[i]);
      }
    }
    return Integer.compare(left.length, right.length);
  }

  private static int[] bytes(String token) {
    boolean ends = token.endsWith("</w>");
    String symbols = ends ? token.substring(0, token.length() - 4) : token;
    int[] bytes = new int[symbols.length() + (ends ? 1 : 0)];
    for (int i = 0; i < symbols.length(); i++) {
      for (int b = 0; b < 256; b++) {
        if (ByteSymbols.symbol((byte) b) == symbols.charAt(i)) {
          bytes[i] = b;
        }
      }
    }
    if (ends) {
      bytes[symbols.length()] = 256;
    }
    return bytes;
  }

  private static void assertSame(List<String[]> expected, List<String[]> actual) {
    assertEquals(
        expected.stream().map(pair -> String.join(" ", pair)).toList(),
        actual.stream().map(pair -> String.join(" ", pair)).toList());
  }

  @Test
  void mergesAreThoseOfCountingEverythingAnew() {
    List<String[]> all = PairTraining.merges(TEXTS, PromptCleaning.TRANSFORMERS, 10_000);
    assertTrue(all.size() > 25, "only " + all.size() + " merges");
    assertSame(naive(TEXTS, 10_000), all);
    assertSame(all.subList(0, 17), PairTraining.merges(TEXTS, PromptCleaning.TRANSFORMERS, 17));
  }

  @Test
  void mergesOfRandomTextsAreThoseOfCountingEverythingAnew() {
    Random random = new Random(4);
    for (int round = 0; round < 20; round++) {
      List<String> texts = new ArrayList<>();
      for (int i = 0; i < 30; i++) {
        StringBuilder text = new StringBuilder();
        for (int letter = random.nextInt(40); letter >= 0; letter--) {
          text.append("aab c,é".charAt(random.nextInt(7)));
        }
        texts.add(text.toString());
      }
      assertSame(naive(texts, 60), PairTraining.merges(texts, PromptCleaning.TRANSFORMERS, 60));
    }
  }

  @Test
  void theOrderOfTextsDecidesNothing() {
    List<String[]> expected = PairTraining.merges(TEXTS, PromptCleaning.TRANSFORMERS, 100);
    List<String> shuffled = new ArrayList<>(TEXTS);
    for (int round = 0; round < 5; round++) {
      Collections.shuffle(shuffled, new Random(round));
      assertSame(expected, PairTraining.merges(shuffled, PromptCleaning.TRANSFORMERS, 100));
    }
  }

  @Test
  void theFilesAreReadAgain() throws IOException {
    ClipTokenizer trained = ClipTokenizer.trained(TEXTS, 100);
    trained.write(folder, 32);
    ClipTokenizer read = ClipTokenizer.open(folder);
    int merges = PairTraining.merges(TEXTS, PromptCleaning.TRANSFORMERS, 100).size();
    assertEquals(2 * 256 + merges + 2, trained.size());
    assertEquals(trained.size(), read.size());
    assertTrue(
        Files.readString(folder.resolve("tokenizer_config.json"))
            .replace(" ", "")
            .contains("\"model_max_length\":32"));
    for (String text : TEXTS) {
      assertArrayEquals(trained.encode(text), read.encode(text), text);
      assertArrayEquals(trained.sequence(text, 32).ids(), read.sequence(text, 32).ids(), text);
    }
    assertEquals("grinning face with big eyes", read.decode(read.encode(TEXTS.get(1))));
    assertEquals(1, trained.encode("grinning").length, "what is frequent is one symbol");
    assertEquals(2, trained.encode("face grinning").length);
  }

  @Test
  void refusesTextsWithoutPairs() {
    assertEquals(
        "no pair of letters occurs twice in 2 texts: there is nothing to make a vocabulary of",
        assertThrows(
                IllegalArgumentException.class,
                () -> ClipTokenizer.trained(List.of("ab", "c d"), 10))
            .getMessage());
    assertThrows(IllegalArgumentException.class, () -> ClipTokenizer.trained(TEXTS, 0));
  }
}
