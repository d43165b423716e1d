package org.halfstep.pictures;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.halfstep.files.DataException;
import org.halfstep.files.Json;

/**
 * What emoji are called, by the package emojibase-data; and the emoji that other sets mean by other
 * names. Parts of emoji (skin tones alone, letters of flags) have no group and are left out.
 */
final class EmojiNames {
  /**
   * An emoji.
   *
   * @param code its code points in hexadecimal, without what only joins or chooses a presentation
   * @param concept the code of the emoji that it is a skin tone of, or its own
   * @param label {@code waving hand: light skin tone}
   * @param group {@code people & body}
   */
  record Emoji(String code, String concept, String label, List<String> tags, String group) {
    boolean isSkinTone() {
      return !code.equals(concept);
    }
  }

  private static final String COMPONENT = "component";
  private static final String FLAG = "flag: ";

  private final Map<String, Emoji> emoji = new HashMap<>();
  private final Map<String, Emoji> byName = new HashMap<>();

  private EmojiNames() {}

  /**
   * Reads a package.
   *
   * @param folder with {@code en/data.json} and {@code en/messages.json}
   */
  static EmojiNames read(Path folder) throws IOException {
    Path messages = folder.resolve("en/messages.json");
    Map<Integer, String> groups = new HashMap<>();
    for (JsonNode group : Json.read(JsonNode.class, messages).path("groups")) {
      if (!group.path("key").asText().equals(COMPONENT)) {
        groups.put(group.path("order").asInt(-1), text(group.path("message"), messages));
      }
    }
    Path data = folder.resolve("en/data.json");
    EmojiNames names = new EmojiNames();
    for (JsonNode entry : Json.read(JsonNode.class, data)) {
      String group = groups.get(entry.path("group").asInt(-1));
      if (group != null) {
        String code = code(text(entry.path("hexcode"), data));
        List<String> tags = new ArrayList<>();
        entry.path("tags").forEach(tag -> tags.add(tag.asText()));
        names.add(entry, code, tags, group, data);
        for (JsonNode skin : entry.path("skins")) {
          names.add(skin, code, tags, group, data);
        }
      }
    }
    if (names.emoji.isEmpty()) {
      throw new DataException(data, "expected a list of emoji, found none");
    }
    names.emoji.values().stream()
        .sorted(Comparator.comparing(Emoji::code))
        .forEach(names::learnUnicodeName);
    return names;
  }

  private void add(JsonNode entry, String concept, List<String> tags, String group, Path file)
      throws DataException {
    String code = code(text(entry.path("hexcode"), file));
    String label = text(entry.path("label"), file);
    Emoji added = new Emoji(code, concept, label, List.copyOf(tags), group);
    if (emoji.putIfAbsent(code, added) == null) {
      byName.putIfAbsent(letters(label), added);
      if (label.startsWith(FLAG)) {
        byName.putIfAbsent(letters(label.substring(FLAG.length()) + " flag"), added);
        byName.putIfAbsent(letters("flag for " + label.substring(FLAG.length())), added);
      }
    }
  }

  private void learnUnicodeName(Emoji known) {
    // None where a code point is younger than the Unicode that Java knows.
    String name =
        known.code.contains("-") ? null : Character.getName(Integer.parseInt(known.code, 16));
    if (name != null) {
      byName.putIfAbsent(letters(name), known);
    }
  }

  private static String text(JsonNode node, Path file) throws DataException {
    if (!node.isTextual() || node.asText().isBlank()) {
      throw new DataException(file, "expected hexcode, label and message to be texts");
    }
    return node.asText().strip();
  }

  /** Sets differ in what joins and chooses presentations: it is left out to compare them. */
  static String code(String hexadecimal) {
    return hexadecimal.toLowerCase(Locale.ROOT).replaceAll("-(fe0f|200d)(?=-|$)", "");
  }

  /** A name without what sets write in different ways: accents, blanks, signs. */
  private static String letters(String name) {
    String words = name.replace("#", "pound").replace("*", "asterisk");
    return Normalizer.normalize(words, Normalizer.Form.NFD)
        .toLowerCase(Locale.ROOT)
        .replaceAll("[^\\p{L}\\p{N}]", "");
  }

  /** The emoji of some code points in hexadecimal, apart by hyphens. */
  Optional<Emoji> find(String hexadecimal) {
    return Optional.ofNullable(emoji.get(code(hexadecimal)));
  }

  /** The emoji that a set means by a name. */
  Optional<Emoji> named(String name) {
    return Optional.ofNullable(byName.get(letters(name)));
  }

  /** Another name of an emoji, unless it is one of another emoji already. */
  void learn(String name, Emoji known) {
    byName.putIfAbsent(letters(name), known);
  }
}
