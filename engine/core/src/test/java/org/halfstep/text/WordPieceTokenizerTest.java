package org.halfstep.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.halfstep.files.DataException;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Against Hugging Face's own tokenizer on the vocabulary of MiniLM, which is BERT's. */
class WordPieceTokenizerTest {
  private static final int TEXTS = 1_000;

  @TempDir private static Path shared;
  private static Path file;
  private static WordPieceTokenizer tokenizer;

  @TempDir private Path folder;

  @BeforeAll
  static void unpack() throws IOException {
    // Where their library unpacks its native part.
    System.setProperty("DJL_CACHE_DIR", shared.toString());
    file = shared.resolve("tokenizer.json");
    try (InputStream in =
        WordPieceTokenizerTest.class.getResourceAsStream("/all-minilm-l6-v2-tokenizer.json")) {
      Files.copy(in, file);
    }
    tokenizer = WordPieceTokenizer.open(shared);
  }

  private static HuggingFaceTokenizer theirs() throws IOException {
    return HuggingFaceTokenizer.newInstance(
        file, Map.of("truncation", "false", "padding", "false"));
  }

  /**
   * Blocks of characters that texts are drawn from, marks, controls and gaps among them. What
   * Unicode got after version 8 is left out: the tables that theirs stands on end there.
   */
  private static final int[][] BLOCKS = {
    {0x20, 0x7e},
    {0x61, 0x7a},
    {0xa0, 0x17f},
    {0x180, 0x24f},
    {0x300, 0x36f},
    {0x370, 0x3ff},
    {0x400, 0x4ff},
    {0x531, 0x58f},
    {0x590, 0x5ff},
    {0x61e, 0x6ff},
    {0x900, 0x97f},
    {0xb80, 0xbff},
    {0xe00, 0xe5b},
    {0x10a0, 0x10ff},
    {0x1e00, 0x1fff},
    {0x2000, 0x206f},
    {0x20a0, 0x20bf},
    {0x2100, 0x214f},
    {0x2190, 0x22ff},
    {0x3000, 0x30ff},
    {0x4e00, 0x9fa5},
    {0xac00, 0xd7a3},
    {0xf900, 0xfa6d},
    {0xfe50, 0xfe6b},
    {0xff01, 0xffee},
    {0x1d400, 0x1d7ff},
    {0x1f300, 0x1f64f},
    {0x20000, 0x20010},
    {0x2e00, 0x2e42},
    {0x1100, 0x11ff},
    {0xa720, 0xa7b7},
    {0xe000, 0xe010},
    {0x0, 0x20},
    {0x7f, 0xa0},
  };

  private static final String[] PHRASES = {
    "the quick brown fox",
    "İSTANBUL",
    "naïve café",
    "don't",
    "[SEP]",
    "[CLS] [MASK]",
    "[mask]",
    "ΣΊΣΥΦΟΣ",
    "unaffable",
    "3.14",
    "a\u0301e\u0308",
    "東京タワー",
    "안녕하세요",
    "مرحبا",
    "नमस्ते",
    "hyperparameterization",
    "e-mail@example.org",
    "\u00adsoft",
    "ﬁre",
    "①②",
    "Ⅷ",
    "\ufffd"
  };

  private static List<String> texts() {
    Random random = new Random(7);
    List<String> texts = new ArrayList<>(Arrays.asList(PHRASES));
    while (texts.size() < TEXTS) {
      StringBuilder text = new StringBuilder();
      int words = random.nextInt(12);
      for (int word = 0; word < words; word++) {
        if (random.nextInt(4) == 0) {
          text.append(PHRASES[random.nextInt(PHRASES.length)]);
        } else {
          int[] block = BLOCKS[random.nextInt(BLOCKS.length)];
          int length = random.nextInt(40) == 0 ? 120 : 1 + random.nextInt(8);
          for (int i = 0; i < length; i++) {
            text.appendCodePoint(block[0] + random.nextInt(block[1] - block[0] + 1));
          }
        }
        text.append(random.nextInt(5) == 0 ? "" : " ");
      }
      texts.add(text.toString());
    }
    return texts;
  }

  @Test
  void idsAreHuggingFacesOnTextsOfManyScripts() throws IOException {
    List<String> different = new ArrayList<>();
    try (HuggingFaceTokenizer theirs = theirs()) {
      for (String text : texts()) {
        int[] expected =
            Arrays.stream(theirs.encode(text, false, false).getIds())
                .mapToInt(Math::toIntExact)
                .toArray();
        int[] got = tokenizer.encode(text);
        if (!Arrays.equals(expected, got)) {
          different.add(text + "\n  " + Arrays.toString(expected) + "\n  " + Arrays.toString(got));
        }
      }
    }
    assertEquals(List.of(), different, () -> different.size() + " of " + TEXTS);
  }

  @Test
  void theyStandBetweenStartAndEndAsTheirsDo() throws IOException {
    String text = "The quick brown fox";
    try (HuggingFaceTokenizer theirs = theirs()) {
      int[] expected =
          Arrays.stream(theirs.encode(text).getIds()).mapToInt(Math::toIntExact).toArray();
      TokenSequence got = tokenizer.sequence(text, expected.length + 2);
      assertArrayEquals(Arrays.copyOf(expected, expected.length + 2), got.ids());
      assertEquals(expected.length, got.used());
      assertEquals("", got.lost());
      assertEquals(0, tokenizer.padding());
    }
  }

  @Test
  void whatDoesNotFitIsSaid() {
    TokenSequence cut = tokenizer.sequence("A photograph of unaffable ASTRONAUTS, twice", 6);
    assertEquals("ffable astronauts , twice", cut.lost());
    assertEquals(6, cut.used());
    assertEquals(tokenizer.end(), cut.ids()[5]);
    assertThrows(IllegalArgumentException.class, () -> tokenizer.sequence("a", 1));
  }

  @Test
  void aWordOfMoreThanAHundredCharactersIsUnknown() {
    int unknown = tokenizer.encode("\u0f00")[0];
    assertEquals(100, unknown);
    assertTrue(tokenizer.encode("a".repeat(100)).length > 1);
    assertArrayEquals(new int[] {unknown}, tokenizer.encode("a".repeat(101)));
  }

  @Test
  void aListOfEntriesReadsTheSame() throws IOException {
    Files.writeString(
        folder.resolve("vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nfox\n##es\n!\n");
    WordPieceTokenizer small = WordPieceTokenizer.open(folder);
    assertEquals(8, small.size());
    assertArrayEquals(new int[] {5, 6, 7, 1, 4}, small.encode("F\u00f6xes! bear [MASK]"));
    assertArrayEquals(new int[] {2, 5, 6, 3, 0}, small.sequence("foxes", 5).ids());
  }

  private String refusal(String name, String content) throws IOException {
    Path path = Files.writeString(folder.resolve(name), content);
    String line =
        assertThrows(DataException.class, () -> WordPieceTokenizer.open(path)).getMessage();
    assertEquals(1, line.lines().count(), line);
    assertTrue(line.contains(name + ": "), line);
    return line;
  }

  @Test
  void filesThatAreNoVocabularyAreRefusedInALine() throws IOException {
    assertTrue(refusal("vocab.txt", "a\nb\n").contains("has no entry [PAD]"));
    assertTrue(refusal("vocab.txt", "a\nb\na\n").contains("line 3: stands in line 1 already"));
    String start = "{\"model\":{\"type\":\"WordPiece\",\"vocab\":";
    String end =
        "},\"normalizer\":{\"type\":\"BertNormalizer\"},"
            + "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"}}";
    assertTrue(
        refusal("tokenizer.json", "{}").contains("model.type: is \"\"; expected \"WordPiece\""));
    assertTrue(refusal("tokenizer.json", start + "7" + end).contains("model.vocab: expected"));
    assertTrue(
        refusal("tokenizer.json", start + "{\"a\":2000000000}" + end)
            .contains("\"a\" has id 2000000000; expected each of 0 to 0 once"));
    assertTrue(
        refusal("tokenizer.json", start + "{\"a\":0,\"b\":0}" + end).contains("\"b\" has id 0"));
    assertTrue(refusal("tokenizer.json", start + "{" + end).contains("expected"));
  }

  @Test
  void aFolderWithoutVocabularyIsRefused() {
    String line =
        assertThrows(DataException.class, () -> WordPieceTokenizer.open(folder)).getMessage();
    assertTrue(line.contains("has no tokenizer.json and no vocab.txt"), line);
  }
}
