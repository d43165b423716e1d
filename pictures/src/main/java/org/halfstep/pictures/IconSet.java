package org.halfstep.pictures;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.halfstep.files.DataException;
import org.halfstep.files.Json;

/**
 * Emoji in the JSON of Iconify: bodies of SVG by name, aliases of them, and in some sets the code
 * points of names.
 */
final class IconSet {
  /** The largest set has 104 million. */
  private static final long MOST_BYTES = 1 << 28;

  private static final int LONGEST_CHAIN = 8;
  private static final int DEFAULT_SIDE = 16;

  private final Path file;
  private final JsonNode root;
  private final Map<String, String> codes = new TreeMap<>();

  private IconSet(Path file, JsonNode root) {
    this.file = file;
    this.root = root;
  }

  /**
   * Reads a package.
   *
   * @param folder with {@code icons.json} and {@code chars.json}
   * @throws DataException when it has no icons
   */
  static IconSet read(Path folder) throws IOException {
    Path file = folder.resolve("icons.json");
    IconSet set = new IconSet(file, Json.read(JsonNode.class, file, MOST_BYTES));
    JsonNode characters = Json.read(JsonNode.class, folder.resolve("chars.json"));
    for (Map.Entry<String, JsonNode> entry : characters.properties()) {
      set.codes.putIfAbsent(entry.getValue().asText(), entry.getKey());
    }
    if (set.root.path("icons").isEmpty()) {
      throw new DataException(file, "expected icons, found none");
    }
    return set;
  }

  /** Code points in hexadecimal by name, as far as the set says them; empty in some sets. */
  Map<String, String> codes() {
    return codes;
  }

  /** What other name an alias has. */
  Map<String, String> aliases() {
    Map<String, String> aliases = new TreeMap<>();
    for (Map.Entry<String, JsonNode> entry : root.path("aliases").properties()) {
      aliases.put(entry.getKey(), entry.getValue().path("parent").asText());
    }
    return aliases;
  }

  /** All names, those of icons before those of aliases; without what the set has given up. */
  List<String> names() {
    List<String> names = new ArrayList<>();
    for (String kind : List.of("icons", "aliases")) {
      Map<String, JsonNode> entries = new TreeMap<>();
      root.path(kind).properties().forEach(entry -> entries.put(entry.getKey(), entry.getValue()));
      entries.forEach(
          (name, icon) -> {
            if (!icon.path("hidden").asBoolean() || codes.containsKey(name)) {
              names.add(name);
            }
          });
    }
    return names;
  }

  /**
   * The drawing of a name.
   *
   * @throws DataException when there is none, or it is turned in a way that is not known
   */
  Source.Icon drawing(String name) throws DataException {
    boolean mirrored = false;
    String at = name;
    for (int link = 0; root.path("icons").path(at).isMissingNode(); link++) {
      JsonNode alias = root.path("aliases").path(at);
      if (!alias.path("parent").isTextual() || link > LONGEST_CHAIN) {
        throw new DataException(file, "has no icon " + name);
      }
      for (Map.Entry<String, JsonNode> change : alias.properties()) {
        if (!List.of("parent", "hFlip", "hidden").contains(change.getKey())) {
          throw new DataException(file, name + ": " + change.getKey() + " is not known");
        }
      }
      mirrored ^= alias.path("hFlip").asBoolean();
      at = alias.path("parent").asText();
    }
    JsonNode icon = root.path("icons").path(at);
    if (!icon.path("body").isTextual()) {
      throw new DataException(file, "the icon " + at + " has no body");
    }
    return new Source.Icon(document(icon, mirrored));
  }

  private String document(JsonNode icon, boolean mirrored) {
    double left = number(icon, "left", 0);
    double width = number(icon, "width", DEFAULT_SIDE);
    double height = number(icon, "height", DEFAULT_SIDE);
    String body = icon.path("body").asText();
    if (mirrored) {
      body =
          "<g transform=\"translate(" + (2 * left + width) + " 0) scale(-1 1)\">" + body + "</g>";
    }
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\""
        + " viewBox=\"%s %s %s %s\" width=\"%s\" height=\"%s\">%s</svg>"
            .formatted(left, number(icon, "top", 0), width, height, width, height, body);
  }

  /** What an icon says, or else its set. */
  private double number(JsonNode icon, String name, double otherwise) {
    return icon.path(name).asDouble(root.path(name).asDouble(otherwise));
  }
}
