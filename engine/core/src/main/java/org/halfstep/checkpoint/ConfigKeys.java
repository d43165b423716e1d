package org.halfstep.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.halfstep.files.DataException;

/**
 * The keys of a configuration that another program wrote: each with its bounds and with what holds
 * where it is missing or null, as in early files. What is wrong is said in one line that names the
 * key.
 */
final class ConfigKeys {
  private final ObjectNode json;
  private final String origin;
  private final Consumer<String> notes;
  private final Set<String> asked = new HashSet<>();

  /**
   * @param origin the file, for the errors
   * @param notes takes a line about unknown keys
   */
  ConfigKeys(ObjectNode json, String origin, Consumer<String> notes) {
    this.json = json;
    this.origin = origin;
    this.notes = notes;
  }

  DataException refuse(String key, String problem) {
    return new DataException(origin, key + ": " + problem);
  }

  private JsonNode find(String key) {
    asked.add(key);
    JsonNode value = json.path(key);
    return value.isMissingNode() || value.isNull() ? null : value;
  }

  int whole(String key, int fallback, int least, int most) throws DataException {
    JsonNode value = find(key);
    return value == null ? fallback : whole(key, value, least, most);
  }

  /** Null where there is none. */
  Integer optionalWhole(String key, int least, int most) throws DataException {
    JsonNode value = find(key);
    return value == null ? null : whole(key, value, least, most);
  }

  private int whole(String key, JsonNode value, int least, int most) throws DataException {
    if (!value.isIntegralNumber()
        || !value.canConvertToInt()
        || value.asInt() < least
        || value.asInt() > most) {
      throw refuse(key, "is " + value + "; expected an integer from " + least + " to " + most);
    }
    return value.asInt();
  }

  double number(String key, double fallback, double least, double most) throws DataException {
    JsonNode value = find(key);
    if (value == null) {
      return fallback;
    }
    double number = value.isNumber() ? value.asDouble() : Double.NaN;
    if (!(number >= least && number <= most)) {
      throw refuse(key, "is " + value + "; expected a number from " + least + " to " + most);
    }
    return number;
  }

  boolean flag(String key, boolean fallback) throws DataException {
    JsonNode value = find(key);
    if (value == null) {
      return fallback;
    }
    if (!value.isBoolean()) {
      throw refuse(key, "is " + value + "; expected true or false");
    }
    return value.asBoolean();
  }

  String text(String key, String fallback) throws DataException {
    JsonNode value = find(key);
    if (value == null) {
      return fallback;
    }
    if (!value.isTextual()) {
      throw refuse(key, "is " + value + "; expected text");
    }
    return value.asText();
  }

  List<Integer> wholes(String key, List<Integer> fallback, int least, int most, int longest)
      throws DataException {
    JsonNode value = find(key);
    if (value == null) {
      return fallback;
    }
    requireList(key, value, longest);
    List<Integer> numbers = new ArrayList<>();
    for (JsonNode number : value) {
      numbers.add(whole(key, number, least, most));
    }
    return numbers;
  }

  /** A number for each level, or one for all. */
  List<Integer> perLevel(String key, int fallback, int least, int most, int levels)
      throws DataException {
    JsonNode value = find(key);
    if (value == null || !value.isArray()) {
      int all = value == null ? fallback : whole(key, value, least, most);
      return Collections.nCopies(levels, all);
    }
    List<Integer> numbers = wholes(key, List.of(), least, most, levels);
    requireLevels(key, numbers.size(), levels);
    return numbers;
  }

  /** A text for each level. */
  List<String> texts(String key, List<String> fallback, int levels) throws DataException {
    JsonNode value = find(key);
    List<String> texts = new ArrayList<>();
    if (value == null) {
      texts.addAll(fallback);
    } else {
      requireList(key, value, levels);
      for (JsonNode text : value) {
        if (!text.isTextual()) {
          throw refuse(key, "has " + text + "; expected text");
        }
        texts.add(text.asText());
      }
    }
    requireLevels(key, texts.size(), levels);
    return texts;
  }

  private void requireList(String key, JsonNode value, int longest) throws DataException {
    if (!value.isArray() || value.isEmpty() || value.size() > longest) {
      throw refuse(key, "expected a list of 1 to " + longest + " values");
    }
  }

  private void requireLevels(String key, int found, int levels) throws DataException {
    if (found != levels) {
      throw refuse(key, "has " + found + " values; expected one for each of " + levels + " levels");
    }
  }

  /** Refuses all but one value; missing and null count as that value. */
  void require(String key, Object only) throws DataException {
    require(key, only, null);
  }

  /**
   * The same.
   *
   * @param hint what another value means, or null
   */
  void require(String key, Object only, String hint) throws DataException {
    JsonNode value = find(key);
    if (value == null) {
      return;
    }
    List<JsonNode> all = new ArrayList<>();
    if (value.isArray()) {
      value.forEach(all::add);
    } else {
      all.add(value);
    }
    for (JsonNode one : all) {
      boolean same =
          switch (only) {
            case null -> one.isNull();
            case Boolean flag -> one.isBoolean() && one.asBoolean() == flag;
            case Number number -> one.isNumber() && one.asDouble() == number.doubleValue();
            default -> one.isTextual() && one.asText().equals(only);
          };
      if (!same) {
        throw refuse(
            key,
            "is "
                + value
                + "; this engine knows "
                + (only == null ? "networks without it" : "only " + only)
                + (hint == null ? "" : " (" + hint + ")"));
      }
    }
  }

  /** Keys that change nothing that is computed here. */
  void ignore(String... keys) {
    asked.addAll(List.of(keys));
  }

  /** Notes the keys that were never asked for. */
  void finish() {
    List<String> unknown = new ArrayList<>();
    json.fieldNames()
        .forEachRemaining(
            key -> {
              if (!asked.contains(key) && !key.startsWith("_")) {
                unknown.add(key);
              }
            });
    if (!unknown.isEmpty()) {
      notes.accept(
          new DataException(origin, "unknown keys are passed over: " + first(unknown))
              .getMessage());
    }
  }

  /** The first few of a list. */
  static String first(List<String> names) {
    int most = 4;
    return String.join(", ", names.subList(0, Math.min(most, names.size())))
        + (names.size() > most ? " and " + (names.size() - most) + " more" : "");
  }
}
