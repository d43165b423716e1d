package org.halfstep.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import org.halfstep.files.DataException;
import org.halfstep.files.FileDigest;
import org.halfstep.files.Json;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ClipTokenizerTest {
  private static final String MERGES =
      "#version: 0.2\nc a\nca t</w>\nt h\nth e</w>\na t</w>\nca r\nc at</w>2\n";
  private static final String SOUND = MERGES.replace("c at</w>2\n", "");

  @TempDir private Path folder;

  private Path write(String name, String content) throws IOException {
    return Files.writeString(folder.resolve(name), content);
  }

  private static ClipTokenizer published() throws IOException {
    Path file = PublishedVocabulary.file().orElse(null);
    assumeTrue(file != null, "CLIP's vocabulary is not there: make data-clip");
    return ClipTokenizer.open(file);
  }

  @Test
  void thePublishedVocabularyIsTheOneThatIsMeant() throws IOException {
    ClipTokenizer tokenizer = published();
    assertEquals(
        "9fd691f7c8039210e0fced15865466c65820d09b63988b0174bfe25de299051a",
        FileDigest.sha256(PublishedVocabulary.file().orElseThrow()));
    assertEquals(49_408, tokenizer.size());
    assertEquals("!", tokenizer.token(0));
    assertEquals("!</w>", tokenizer.token(256));
    assertEquals("in", tokenizer.token(512));
    assertEquals("jekyll</w>", tokenizer.token(49_405));
    assertEquals(49_406, tokenizer.start());
    assertEquals(49_407, tokenizer.end());
    assertEquals(49_407, tokenizer.padding());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "a photo of a cat; 320 1125 539 320 2368",
        "a photograph of an astronaut riding a horse; 320 8853 539 550 18376 6765 320 4558",
        "`A  Photo of\n a CAT!`; 320 1125 539 320 2368 256",
        "it's 2023, isn't it?; 585 568 273 271 273 274 267 2923 713 585 286",
        "IT'S; 585 568",
        "it''s; 585 8445 338",
        "caf\u00e9; 15304",
        "cafe\u0301; 15304",
        "na\u00efve \u6771\u4eac \ud83d\udc31; 1097 35689 563 48338 21078 361 22979",
        "don\u2019t; 847 728 503 339",
        "\u0130stanbul; 328 16384 11231",
        "\u00df STRASSE; 127 509 1894 8938",
        "3.5mm f/1.8; 274 269 276 2848 325 270 272 269 279",
        "a_b-c; 320 318 321 268 322",
        "hello,world...; 3306 267 1002 678",
        "\ufb01re \u2460; 171 105 223 810 158 239 510",
        "\ud83d\ude00\ud83d\ude00; 34503",
        "! !! !!!; 256 748 995",
        "supercalifragilisticexpialidocious; 1642 2857 13093 2076 5868 26850 835 639 38466",
        "<|endoftext|> hello; 49407 3306",
        "``; ``",
      })
  void idsAreTheOnesThatClipGives(String text, String ids) throws IOException {
    int[] expected =
        ids.isEmpty()
            ? new int[0]
            : Arrays.stream(ids.strip().split(" ")).mapToInt(Integer::parseInt).toArray();
    // The ideographs of the one text with some stand apart for transformers alone.
    PromptCleaning cleaning =
        text.contains("\u6771") ? PromptCleaning.OPENAI : PromptCleaning.TRANSFORMERS;
    assertArrayEquals(expected, published().withCleaning(cleaning).encode(text));
  }

  @Test
  void aSequenceIsCutAndSaysWhatItLost() throws IOException {
    ClipTokenizer tokenizer = published();
    TokenSequence whole = tokenizer.withPadding(0).sequence("a photo of a cat");
    assertEquals(ClipTokenizer.LENGTH, whole.ids().length);
    assertEquals(7, whole.used());
    assertEquals(49_407, whole.ids()[6]);
    assertEquals(0, whole.ids()[7]);
    assertEquals("", whole.lost());
    TokenSequence cut = tokenizer.sequence("x ".repeat(75) + "Ein Caf\u00e9!");
    assertEquals("ein caf\u00e9 !", cut.lost());
    assertEquals(77, cut.used());
    assertEquals(49_407, cut.ids()[76]);
    assertEquals("", tokenizer.sequence("x ".repeat(75)).lost());
    assertThrows(IllegalArgumentException.class, () -> tokenizer.sequence("a", 1));
    assertThrows(IllegalArgumentException.class, () -> tokenizer.withPadding(49_408));
  }

  /**
   * The algorithm as it is written down: the earliest pair of the word, everywhere, until none is.
   */
  private static List<String> slowly(List<String[]> merges, String word) {
    List<String> parts = new ArrayList<>();
    for (int i = 0; i < word.length(); i++) {
      parts.add(word.charAt(i) + (i == word.length() - 1 ? "</w>" : ""));
    }
    while (true) {
      int best = merges.size();
      for (int i = 0; i + 1 < parts.size(); i++) {
        for (int rank = 0; rank < best; rank++) {
          if (merges.get(rank)[0].equals(parts.get(i))
              && merges.get(rank)[1].equals(parts.get(i + 1))) {
            best = rank;
          }
        }
      }
      if (best == merges.size()) {
        return parts;
      }
      for (int i = 0; i + 1 < parts.size(); i++) {
        if (merges.get(best)[0].equals(parts.get(i))
            && merges.get(best)[1].equals(parts.get(i + 1))) {
          parts.set(i, parts.get(i) + parts.remove(i + 1));
        }
      }
    }
  }

  @Test
  void mergesAreThoseOfThePlainAlgorithm() {
    Random random = new Random(3);
    for (int vocabulary = 0; vocabulary < 50; vocabulary++) {
      List<String> known = new ArrayList<>(List.of("a", "b", "c", "a</w>", "b</w>", "c</w>"));
      List<String[]> merges = new ArrayList<>();
      while (merges.size() < 40) {
        String left = known.get(random.nextInt(known.size()));
        String right = known.get(random.nextInt(known.size()));
        if (!left.endsWith("</w>") && !known.contains(left + right) && left.length() < 6) {
          merges.add(new String[] {left, right});
          known.add(left + right);
        }
      }
      ClipTokenizer tokenizer = ClipTokenizer.of(merges);
      for (int i = 0; i < 100; i++) {
        StringBuilder word = new StringBuilder();
        for (int length = 1 + random.nextInt(24); length > 0; length--) {
          word.append((char) ('a' + random.nextInt(3)));
        }
        assertEquals(
            slowly(merges, word.toString()),
            Arrays.stream(tokenizer.encode(word.toString())).mapToObj(tokenizer::token).toList());
      }
    }
  }

  @Test
  void aWordOfAMillionLettersIsNoTrouble() throws IOException {
    ClipTokenizer tokenizer = ClipTokenizer.open(write("merges.txt", "v\na a\naa aa\naaaa aaaa\n"));
    int[] ids =
        assertTimeoutPreemptively(
            Duration.ofMinutes(1), () -> tokenizer.encode("a".repeat(1 << 20)));
    assertEquals((1 << 17) + 3, ids.length);
    assertEquals("a".repeat(1 << 20), tokenizer.decode(ids));
  }

  @Test
  void allFormsOfAFileReadTheSame() throws IOException {
    ClipTokenizer merges = ClipTokenizer.open(write("merges.txt", SOUND));
    assertEquals(512 + 6 + 2, merges.size());
    StringBuilder vocabulary = new StringBuilder("{");
    for (int id = 0; id < merges.size(); id++) {
      vocabulary
          .append(id == 0 ? "" : ",")
          .append(Json.text(merges.token(id)))
          .append(':')
          .append(id);
    }
    vocabulary.append('}');
    write("vocab.json", vocabulary.toString());
    Path packed = folder.resolve("merges.gz");
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
      out.write(SOUND.getBytes(StandardCharsets.UTF_8));
    }
    Files.write(packed, bytes.toByteArray());
    String start =
        "{\"model\":{\"type\":\"BPE\",\"end_of_word_suffix\":\"</w>\",\"vocab\":" + vocabulary;
    Path texts =
        write(
            "texts.json",
            start
                + ",\"merges\":[\"c a\",\"ca t</w>\",\"t h\",\"th e</w>\",\"a t</w>\",\"ca r\"]}}");
    Path pairs =
        write(
            "pairs.json",
            start
                + ",\"merges\":[[\"c\",\"a\"],[\"ca\",\"t</w>\"],[\"t\",\"h\"],[\"th\",\"e</w>\"],"
                + "[\"a\",\"t</w>\"],[\"ca\",\"r\"]]}}");
    int[] expected = merges.encode("the cat <|endoftext|> cart");
    assertEquals(5, expected.length);
    for (Path path :
        List.of(folder, packed, texts, pairs, write("crlf.txt", SOUND.replace("\n", "\r\n")))) {
      assertArrayEquals(expected, ClipTokenizer.open(path).encode("the cat <|endoftext|> cart"));
    }
  }

  @Test
  void thePaddingIsTheFolders() throws IOException {
    write("merges.txt", SOUND);
    assertEquals(519, ClipTokenizer.open(folder).padding());
    write("special_tokens_map.json", "{\"pad_token\":\"!\"}");
    assertEquals(0, ClipTokenizer.open(folder).padding());
    write("special_tokens_map.json", "{\"pad_token\":{\"content\":\"<|endoftext|>\"}}");
    assertEquals(519, ClipTokenizer.open(folder).padding());
    write("special_tokens_map.json", "{\"pad_token\":\"[PAD]\"}");
    String line = assertThrows(DataException.class, () -> ClipTokenizer.open(folder)).getMessage();
    assertTrue(line.contains("pad_token \"[PAD]\" is not an entry"), line);
  }

  private String refusal(String name, String content) throws IOException {
    Path path = write(name, content);
    String line = assertThrows(DataException.class, () -> ClipTokenizer.open(path)).getMessage();
    assertEquals(1, line.lines().count(), line);
    assertTrue(line.contains(name + ": "), line);
    return line;
  }

  @Test
  void filesThatAreNoVocabularyAreRefusedInALine() throws IOException {
    assertTrue(refusal("merges.txt", "").contains("has no merges"));
    assertTrue(refusal("merges.txt", "#version\n").contains("has no merges"));
    assertTrue(refusal("merges.txt", "v\na b c\n").contains("line 2: expected two symbols"));
    assertTrue(refusal("merges.txt", "v\na\n").contains("line 2: expected two symbols"));
    assertTrue(refusal("merges.txt", MERGES).contains("merge 7 joins \"at</w>2\""));
    assertTrue(refusal("merges.txt", "v\na b\na b\n").contains("merge 2 makes \"ab\""));
    assertTrue(refusal("merges.txt", "v\na b\nx\u001b[31m\n").contains("line 3: "));
    assertTrue(refusal("x.gz", "no gzip file").contains("is damaged, or not a gzip file"));
    assertTrue(refusal("tokenizer.json", "{}").contains("expected CLIP's"));
    String start = "{\"model\":{\"end_of_word_suffix\":\"</w>\",\"merges\":";
    assertTrue(refusal("tokenizer.json", start + "[]}}").contains("model.merges: expected"));
    assertTrue(refusal("tokenizer.json", start + "[7]}}").contains("model.merges[0]: expected"));
    assertTrue(refusal("tokenizer.json", start + "[\"a b\"]}}").contains("model.vocab: expected"));
  }

  @Test
  void anUnpackedTextHasALimit() throws IOException {
    Path packed = folder.resolve("bomb.gz");
    try (GZIPOutputStream out = new GZIPOutputStream(Files.newOutputStream(packed))) {
      byte[] block = new byte[1 << 20];
      for (int i = 0; i < 17; i++) {
        out.write(block);
      }
    }
    String line = assertThrows(DataException.class, () -> ClipTokenizer.open(packed)).getMessage();
    assertTrue(line.contains("unpacks to more than 16777216 bytes"), line);
  }

  @Test
  void aVocabularyThatIsNotThatOfTheMergesIsRefused() throws IOException {
    write("merges.txt", SOUND);
    write("vocab.json", "{\"!\":1}");
    String line = assertThrows(DataException.class, () -> ClipTokenizer.open(folder)).getMessage();
    assertTrue(line.contains("\"!\" has id \"1\", but the merges of merges.txt make it 0"), line);
    write("vocab.json", "{\"!\":0}");
    line = assertThrows(DataException.class, () -> ClipTokenizer.open(folder)).getMessage();
    assertTrue(line.contains("has 1 entries, but the merges of merges.txt make 520"), line);
    write("vocab.json", "{\"dog\":0}");
    line = assertThrows(DataException.class, () -> ClipTokenizer.open(folder)).getMessage();
    assertTrue(line.contains("do not make it"), line);
  }

  @Test
  void aFinalSigmaIsTheStandards() {
    assertEquals(
        "\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2",
        Lowercase.of("\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3"));
    assertEquals("\u03c3", Lowercase.of("\u03a3"));
    assertEquals("a.\u03c2 b", Lowercase.of("A.\u03a3 B"));
    assertEquals("a1\u03c3", Lowercase.of("A1\u03a3"));
    assertEquals("a\u03c3'b", Lowercase.of("A\u03a3'B"));
  }

  @Test
  void aMergeJoinsTwoSymbols() {
    for (String[] merge : new String[][] {{"a"}, {"a", "b", "c"}, {}}) {
      String line =
          assertThrows(
                  IllegalArgumentException.class, () -> ClipTokenizer.of(List.<String[]>of(merge)))
              .getMessage();
      assertEquals("merge 1 joins " + merge.length + " symbols; expected two", line);
    }
  }
}
