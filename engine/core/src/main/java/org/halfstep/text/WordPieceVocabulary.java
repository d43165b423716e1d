package org.halfstep.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.files.DataException;
import org.halfstep.files.Json;
import org.halfstep.files.TextFile;

/**
 * The entries of a word-piece tokenizer, as vocab.txt (one a line, counted from 0) or
 * tokenizer.json lists them.
 */
final class WordPieceVocabulary {
  private static final String LINES = "vocab.txt";
  private static final String TOKENIZER = "tokenizer.json";
  private static final String START = "[CLS]";
  private static final String END = "[SEP]";
  private static final String PADDING = "[PAD]";
  private static final List<String> SPECIAL = List.of(PADDING, "[UNK]", START, END, "[MASK]");
  private static final int LONGEST_WORD = 1_000;

  private final Map<String, Integer> ids;
  private final List<String> special;
  private final WordPieceTokenizer.Rules rules;

  private WordPieceVocabulary(
      Path file, Map<String, Integer> ids, List<String> special, WordPieceTokenizer.Rules rules)
      throws DataException {
    this.ids = ids;
    this.special = special;
    this.rules = rules;
    for (String needed : List.of(PADDING, START, END, rules.unknown())) {
      if (!ids.containsKey(needed)) {
        throw new DataException(
            file, "has no entry " + needed + ": expected a vocabulary of word pieces");
      }
    }
  }

  static WordPieceVocabulary read(Path path) throws IOException {
    Path file = path;
    if (Files.isDirectory(path)) {
      file = path.resolve(TOKENIZER);
      if (!Files.exists(file)) {
        file = path.resolve(LINES);
      }
      if (!Files.exists(file)) {
        throw new DataException(
            path, "has no " + TOKENIZER + " and no " + LINES + ": expected a tokenizer's folder");
      }
    }
    return file.getFileName().toString().endsWith(".json") ? fromTokenizer(file) : fromLines(file);
  }

  private static WordPieceVocabulary fromLines(Path file) throws IOException {
    Map<String, Integer> ids = new HashMap<>();
    // Only a line feed ends a line: other ends of lines may be entries.
    String[] lines = TextFile.read(file).split("\n");
    for (int i = 0; i < lines.length; i++) {
      String entry =
          lines[i].endsWith("\r") ? lines[i].substring(0, lines[i].length() - 1) : lines[i];
      Integer before = ids.putIfAbsent(entry, i);
      if (before != null) {
        throw new DataException(
            file, "line " + (i + 1) + ": stands in line " + (before + 1) + " already");
      }
    }
    List<String> special = SPECIAL.stream().filter(ids::containsKey).toList();
    return new WordPieceVocabulary(file, ids, special, WordPieceTokenizer.Rules.BERT);
  }

  private static WordPieceVocabulary fromTokenizer(Path file) throws IOException {
    ObjectNode whole = Json.read(ObjectNode.class, file);
    requireType(file, whole, "model", "WordPiece");
    requireType(file, whole, "normalizer", "BertNormalizer");
    requireType(file, whole, "pre_tokenizer", "BertPreTokenizer");
    JsonNode model = whole.path("model");
    if (!(model.path("vocab") instanceof ObjectNode vocabulary)) {
      throw new DataException(file, "model.vocab: expected an object of ids by entry");
    }
    Map<String, Integer> ids = new HashMap<>();
    boolean[] taken = new boolean[vocabulary.size()];
    for (Map.Entry<String, JsonNode> entry : vocabulary.properties()) {
      int id = entry.getValue().isInt() ? entry.getValue().asInt() : -1;
      if (id < 0 || id >= taken.length || taken[id]) {
        throw new DataException(
            file,
            "model.vocab: \""
                + entry.getKey()
                + "\" has id "
                + entry.getValue()
                + "; expected each of 0 to "
                + (taken.length - 1)
                + " once");
      }
      taken[id] = true;
      ids.put(entry.getKey(), id);
    }
    List<String> special = new ArrayList<>();
    for (JsonNode added : whole.path("added_tokens")) {
      String content = added.path("content").asText();
      if (content.isEmpty()
          || !Integer.valueOf(added.path("id").asInt(-1)).equals(ids.get(content))) {
        throw new DataException(
            file,
            "added_tokens: \"" + content + "\" is not an entry of the vocabulary under its id");
      }
      special.add(content);
    }
    return new WordPieceVocabulary(file, ids, special, rules(file, whole));
  }

  private static void requireType(Path file, ObjectNode whole, String part, String type)
      throws DataException {
    String found = whole.path(part).path("type").asText("");
    if (!found.equals(type)) {
      throw new DataException(
          file, part + ".type: is \"" + found + "\"; expected \"" + type + "\", as BERT's are");
    }
  }

  private static WordPieceTokenizer.Rules rules(Path file, ObjectNode whole) throws DataException {
    WordPieceTokenizer.Rules bert = WordPieceTokenizer.Rules.BERT;
    JsonNode model = whole.path("model");
    JsonNode normalizer = whole.path("normalizer");
    boolean lowercase = normalizer.path("lowercase").asBoolean(true);
    JsonNode accents = normalizer.path("strip_accents");
    boolean odd = !accents.isMissingNode() && !accents.isNull() && accents.asBoolean() != lowercase;
    if (odd
        || !normalizer.path("clean_text").asBoolean(true)
        || !normalizer.path("handle_chinese_chars").asBoolean(true)) {
      throw new DataException(
          file,
          "normalizer: expected clean_text and handle_chinese_chars, and strip_accents as lowercase");
    }
    int longest = model.path("max_input_chars_per_word").asInt(bert.longest());
    if (longest < 1 || longest > LONGEST_WORD) {
      throw new DataException(
          file,
          "model.max_input_chars_per_word: is " + longest + "; expected 1 to " + LONGEST_WORD);
    }
    return new WordPieceTokenizer.Rules(
        lowercase,
        model.path("continuing_subword_prefix").asText(bert.inside()),
        model.path("unk_token").asText(bert.unknown()),
        longest);
  }

  WordPieceTokenizer.Rules rules() {
    return rules;
  }

  int size() {
    return ids.size();
  }

  boolean has(String token) {
    return ids.containsKey(token);
  }

  /** The id of a token that is there. */
  int id(String token) {
    return ids.get(token);
  }

  int start() {
    return id(START);
  }

  int end() {
    return id(END);
  }

  int padding() {
    return id(PADDING);
  }

  /** The longest special token that begins at a place, or null. */
  String special(String text, int at) {
    String longest = null;
    for (String token : special) {
      if (text.startsWith(token, at) && (longest == null || token.length() > longest.length())) {
        longest = token;
      }
    }
    return longest;
  }
}
