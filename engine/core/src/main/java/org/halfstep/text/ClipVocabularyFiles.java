package org.halfstep.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.halfstep.files.AtomicFile;
import org.halfstep.files.DataException;
import org.halfstep.files.Json;
import org.halfstep.files.TextFile;

/**
 * The files in which CLIP's vocabulary comes: merges.txt, with or without vocab.json;
 * tokenizer.json; OpenAI's gzip file of more merges than are used.
 */
final class ClipVocabularyFiles {
  private static final String MERGES = "merges.txt";
  private static final String VOCABULARY = "vocab.json";
  private static final String TOKENIZER = "tokenizer.json";
  private static final String SPECIAL = "special_tokens_map.json";
  private static final String CONFIG = "tokenizer_config.json";
  private static final String PACKED = ".gz";

  /** The published vocabulary's first file holds more merges, which no model uses. */
  private static final int MOST_MERGES = ClipTokenizer.MOST_MERGES;

  private ClipVocabularyFiles() {}

  static ClipTokenizer read(Path path) throws IOException {
    if (!Files.isDirectory(path)) {
      return new ClipTokenizer(pairs(path), PromptCleaning.TRANSFORMERS, -1);
    }
    Path merges = path.resolve(MERGES);
    Path whole = path.resolve(TOKENIZER);
    if (!Files.exists(merges) && !Files.exists(whole)) {
      throw new DataException(
          path, "has no " + MERGES + " and no " + TOKENIZER + ": expected a tokenizer's folder");
    }
    Path file = Files.exists(merges) ? merges : whole;
    BytePairs pairs = pairs(file);
    Path vocabulary = path.resolve(VOCABULARY);
    if (Files.exists(vocabulary)) {
      requireSame(vocabulary, Json.read(ObjectNode.class, vocabulary), pairs, file);
    }
    return new ClipTokenizer(pairs, PromptCleaning.TRANSFORMERS, padding(path, pairs));
  }

  static void write(Path folder, BytePairs pairs, String padding, int length) throws IOException {
    StringBuilder merges = new StringBuilder("#version: 0.2\n");
    for (String[] pair : pairs.merges()) {
      merges.append(pair[0]).append(' ').append(pair[1]).append('\n');
    }
    AtomicFile.write(folder.resolve(MERGES), merges.toString().getBytes(StandardCharsets.UTF_8));
    ObjectNode vocabulary = JsonNodeFactory.instance.objectNode();
    for (int id = 0; id < pairs.size(); id++) {
      vocabulary.put(pairs.token(id), id);
    }
    Json.write(folder.resolve(VOCABULARY), vocabulary);
    ObjectNode special = JsonNodeFactory.instance.objectNode();
    special.put("bos_token", ClipWords.START);
    special.put("eos_token", ClipWords.END);
    special.put("pad_token", padding);
    special.put("unk_token", ClipWords.END);
    Json.write(folder.resolve(SPECIAL), special);
    ObjectNode config = special.deepCopy();
    config.put("do_lower_case", true);
    config.put("model_max_length", length);
    config.put("tokenizer_class", "CLIPTokenizer");
    Json.write(folder.resolve(CONFIG), config);
  }

  private static BytePairs pairs(Path file) throws IOException {
    String name = file.getFileName().toString();
    if (name.endsWith(".json")) {
      return fromTokenizer(file);
    }
    String text = name.endsWith(PACKED) ? TextFile.unpacked(file) : TextFile.read(file);
    return build(file, fromLines(file, text));
  }

  private static BytePairs build(Path file, List<String[]> merges) throws DataException {
    try {
      return new BytePairs(merges);
    } catch (IllegalArgumentException impossible) {
      throw new DataException(file, impossible.getMessage());
    }
  }

  /** Lines of two symbols behind a header line; what follows the merges in use is not looked at. */
  private static List<String[]> fromLines(Path file, String text) throws DataException {
    List<String[]> merges = new ArrayList<>();
    int line = 1;
    int from = text.indexOf('\n') + 1;
    // A line ends with a line feed alone: other ends of lines may be part of an entry.
    while (from > 0 && from < text.length() && merges.size() < MOST_MERGES) {
      line++;
      int end = text.indexOf('\n', from);
      int stop = end < 0 ? text.length() : end;
      String entry = text.substring(from, stop);
      if (entry.endsWith("\r")) {
        entry = entry.substring(0, entry.length() - 1);
      }
      if (!entry.isEmpty()) {
        merges.add(pair(file, "line " + line, entry));
      }
      from = stop + 1;
    }
    if (merges.isEmpty()) {
      throw new DataException(
          file, "has no merges: expected a header line, then lines of two symbols");
    }
    return merges;
  }

  private static String[] pair(Path file, String place, String entry) throws DataException {
    int space = entry.indexOf(' ');
    if (space < 1 || space == entry.length() - 1 || entry.indexOf(' ', space + 1) >= 0) {
      throw new DataException(
          file, place + ": expected two symbols with a space between them, found " + quoted(entry));
    }
    return new String[] {entry.substring(0, space), entry.substring(space + 1)};
  }

  private static String quoted(String entry) {
    int most = 40;
    return "\"" + (entry.length() > most ? entry.substring(0, most) + "..." : entry) + "\"";
  }

  private static BytePairs fromTokenizer(Path file) throws IOException {
    JsonNode model = Json.read(ObjectNode.class, file).path("model");
    String type = model.path("type").asText("BPE");
    String end = model.path("end_of_word_suffix").asText("");
    if (!type.equals("BPE") || !end.equals(BytePairs.END_OF_WORD)) {
      throw new DataException(
          file,
          "is a tokenizer of type "
              + quoted(type)
              + " with words ended by "
              + quoted(end)
              + "; expected CLIP's: BPE and \""
              + BytePairs.END_OF_WORD
              + "\"");
    }
    JsonNode list = model.path("merges");
    if (!list.isArray() || list.isEmpty() || list.size() > MOST_MERGES) {
      throw new DataException(
          file, "model.merges: expected a list of 1 to " + MOST_MERGES + " merges");
    }
    List<String[]> merges = new ArrayList<>();
    for (JsonNode merge : list) {
      String place = "model.merges[" + merges.size() + "]";
      if (merge.isTextual()) {
        merges.add(pair(file, place, merge.asText()));
      } else if (merge.isArray()
          && merge.size() == 2
          && merge.get(0).isTextual()
          && merge.get(1).isTextual()) {
        merges.add(new String[] {merge.get(0).asText(), merge.get(1).asText()});
      } else {
        throw new DataException(file, place + ": expected text or a pair of texts");
      }
    }
    BytePairs pairs = build(file, merges);
    if (!(model.path("vocab") instanceof ObjectNode vocabulary)) {
      throw new DataException(file, "model.vocab: expected an object of ids by entry");
    }
    requireSame(file, vocabulary, pairs, file);
    return pairs;
  }

  /** The merges alone say what every id is; a vocabulary beside them must say the same. */
  private static void requireSame(Path file, ObjectNode vocabulary, BytePairs pairs, Path merges)
      throws DataException {
    for (Map.Entry<String, JsonNode> entry : vocabulary.properties()) {
      Integer expected = pairs.id(entry.getKey());
      if (expected == null || !entry.getValue().isInt() || entry.getValue().asInt() != expected) {
        throw new DataException(
            file,
            quoted(entry.getKey())
                + " has id "
                + quoted(entry.getValue().toString())
                + ", but the merges of "
                + merges.getFileName()
                + (expected == null ? " do not make it" : " make it " + expected));
      }
    }
    if (vocabulary.size() != pairs.size()) {
      throw new DataException(
          file,
          "has "
              + vocabulary.size()
              + " entries, but the merges of "
              + merges.getFileName()
              + " make "
              + pairs.size());
    }
  }

  private static int padding(Path folder, BytePairs pairs) throws IOException {
    Path file = folder.resolve(SPECIAL);
    if (!Files.exists(file)) {
      return -1;
    }
    JsonNode token = Json.read(ObjectNode.class, file).path("pad_token");
    String text = token.isObject() ? token.path("content").asText() : token.asText();
    if (token.isMissingNode() || token.isNull()) {
      return -1;
    }
    Integer id = pairs.id(text);
    if (id == null) {
      throw new DataException(
          file, "pad_token " + quoted(text) + " is not an entry of the vocabulary");
    }
    return id;
  }
}
