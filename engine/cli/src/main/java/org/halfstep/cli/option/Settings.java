package org.halfstep.cli.option;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Sizes;
import org.halfstep.files.InputFile;
import org.halfstep.files.Json;
import org.halfstep.files.Printable;

/**
 * The settings of a run: a preset, overridden by a config file, overridden by single values. Each
 * layer is a JSON tree, so that any part may be left out of a later one.
 */
public final class Settings {
  /** The presets that come with the engine. */
  public static final List<String> PRESETS =
      List.of(
          "cifar10",
          "cifar10-128",
          "cifar10-64",
          "fashion-mnist",
          "imagenet64",
          "pictures",
          "stable-diffusion",
          "tiny");

  /** Presets that differ from one of these in a few settings: the paper's other students. */
  public static final List<String> VARIANTS =
      List.of(
          "fashion-mnist-stochastic",
          "fashion-mnist-encoder",
          "fashion-mnist-single-w",
          "fashion-mnist-naive");

  /** In the file of a variant, the preset that it differs from. */
  public static final String BASE = "basedOn";

  public static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(JsonParser.Feature.ALLOW_COMMENTS, JsonParser.Feature.ALLOW_YAML_COMMENTS)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .build();

  private static final List<String> SECTIONS =
      List.of(
          "teacher",
          "distillation",
          "classifier",
          "autoencoder",
          "latentTeacher",
          "latentDistillation",
          "captionScorer");

  /** The file in a run's folder with all of its settings. */
  public static final String RUN_FILE = "config.json";

  private static final long MAXIMUM_BYTES = 1 << 20;
  private static final String FOLDER = "/org/halfstep/presets/";

  private final ObjectNode tree;

  /** Paths of the values that were given, and do not come from the preset. */
  private final Set<String> given = new HashSet<>();

  private Settings(ObjectNode tree) {
    this.tree = tree;
  }

  /** A copy of a preset. */
  public static Settings preset(String name) throws IOException {
    if (VARIANTS.contains(name)) {
      ObjectNode variant = resource(name);
      Settings settings = preset(variant.remove(BASE).textValue());
      merge(settings.tree, variant);
      return settings;
    }
    if (!PRESETS.contains(name)) {
      throw new InputException(
          "there is no preset \""
              + name
              + "\"; there are "
              + String.join(", ", PRESETS)
              + " and "
              + String.join(", ", VARIANTS));
    }
    return new Settings(resource(name));
  }

  /** What a variant says: the preset that it differs from, and in what. */
  public static ObjectNode variant(String name) throws IOException {
    return resource(name);
  }

  private static ObjectNode resource(String name) throws IOException {
    try (InputStream in = Settings.class.getResourceAsStream(FOLDER + name + ".json")) {
      return (ObjectNode) JSON.readTree(in);
    }
  }

  /** Overrides this with a config file: the run's own config.json, or any part of one. */
  public void overlay(Path file) throws IOException {
    ObjectNode layer = read(file);
    if (SECTIONS.stream().noneMatch(layer::has)) {
      throw new InputException(file + ": has none of " + String.join(", ", SECTIONS) + " in it");
    }
    merge(tree, layer);
    give("", layer);
  }

  /**
   * Reads a file of settings.
   *
   * @throws InputException in one line with the file and the place in it
   */
  public static ObjectNode read(Path file) throws IOException {
    InputFile.require(file, "a JSON file of settings", ".json");
    if (Files.size(file) > MAXIMUM_BYTES) {
      throw new InputException(
          file + ": has " + Files.size(file) + " bytes, expected a small JSON file of settings");
    }
    try {
      JsonNode tree = JSON.readTree(Files.readAllBytes(file));
      if (!(tree instanceof ObjectNode settings)) {
        throw new InputException(
            file
                + ": expected an object of settings, found "
                + (tree.isMissingNode() ? "nothing" : kind(tree)));
      }
      return settings;
    } catch (JsonProcessingException e) {
      throw new InputException(
          file
              + ": line "
              + (e.getLocation() == null ? 0 : e.getLocation().getLineNr())
              + ": "
              + Json.problem(e),
          e);
    } catch (IOException e) {
      throw new InputException(file + ": cannot be read as text: " + e.getMessage(), e);
    }
  }

  private static String kind(JsonNode tree) {
    return switch (tree.getNodeType()) {
      case ARRAY -> "a list";
      case STRING -> "text";
      case NUMBER -> "a number";
      default -> tree.toString();
    };
  }

  /** The value of one setting that a run already in a folder has. */
  static Optional<JsonNode> ofRun(Path folder, String path) throws IOException {
    Path file = folder.resolve(RUN_FILE);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    JsonNode value = read(file).at("/" + path.replace('.', '/'));
    return value.isMissingNode() ? Optional.empty() : Optional.of(value);
  }

  private void give(String path, JsonNode layer) {
    given.add(path);
    layer
        .properties()
        .forEach(
            entry ->
                give(
                    path.isEmpty() ? entry.getKey() : path + "." + entry.getKey(),
                    entry.getValue()));
  }

  /** Whether a value was given, and not only the preset's. */
  public boolean isGiven(String path) {
    return given.contains(path);
  }

  private static void merge(ObjectNode below, ObjectNode above) {
    above
        .properties()
        .forEach(
            entry -> {
              JsonNode known = below.get(entry.getKey());
              if (known instanceof ObjectNode inner
                  && entry.getValue() instanceof ObjectNode layer) {
                merge(inner, layer);
              } else {
                below.set(entry.getKey(), entry.getValue().deepCopy());
              }
            });
  }

  /** {@code PATH=VALUE} with the path's names joined by dots, the value as JSON. */
  public void assign(String assignment) {
    int equals = assignment.indexOf('=');
    if (equals < 1) {
      throw new InputException(
          "--set " + assignment + ": expected NAME.NAME=VALUE, such as teacher.run.batch=32");
    }
    String text = assignment.substring(equals + 1);
    JsonNode value;
    try {
      value = JSON.readTree(text);
    } catch (JsonProcessingException plainText) {
      value = JSON.getNodeFactory().textNode(text);
    }
    set(assignment.substring(0, equals), value);
    give(assignment.substring(0, equals), value);
  }

  /** Sets one value of a section when an option gave one. */
  public void override(String section, String path, Object value) {
    if (value != null) {
      set(section + "." + path, value);
      given.add(section + "." + path);
    }
  }

  /** Whether a value is null, so that it is up to the machine. */
  public boolean isOpen(String path) {
    return tree.at("/" + path.replace('.', '/')).isNull();
  }

  /** Sets one value by its path. */
  public void set(String path, Object value) {
    String[] names = path.split("\\.");
    ObjectNode node = tree;
    for (int i = 0; i < names.length; i++) {
      if (!node.has(names[i])) {
        throw new InputException(
            path + ": there is no setting \"" + names[i] + "\" here; there are " + names(node));
      }
      if (i == names.length - 1) {
        node.set(names[i], JSON.valueToTree(value));
      } else if (node.get(names[i]) instanceof ObjectNode inner) {
        node = inner;
      } else {
        throw new InputException(path + ": " + names[i] + " is a single value");
      }
    }
  }

  private static String names(ObjectNode node) {
    TreeSet<String> names = new TreeSet<>();
    node.fieldNames().forEachRemaining(names::add);
    return String.join(", ", names);
  }

  public JsonNode section(String name) {
    return tree.get(name);
  }

  /**
   * Sets the number of classes of a network to that of the data.
   *
   * @throws InputException when another number was asked for
   */
  public void setClasses(String path, int classes) {
    JsonNode wanted = tree.at("/" + path.replace('.', '/'));
    if (isGiven(path) && wanted.asInt() != classes) {
      throw new InputException(
          path
              + " is "
              + wanted
              + ", but the data has "
              + Sizes.count(classes, "class", "classes")
              + "; leave it out, or name the data that is meant");
    }
    set(path, classes);
  }

  /** One section as the record that the engine takes. */
  public <T> T section(String name, Class<T> type) {
    try {
      return JSON.treeToValue(tree.get(name), type);
    } catch (JsonMappingException e) {
      throw new InputException(Printable.line(where(name, e)) + ": " + Json.problem(e), e);
    } catch (JsonProcessingException e) {
      throw new InputException(name + ": " + Json.problem(e), e);
    }
  }

  private static String where(String section, JsonMappingException failure) {
    return section
        + failure.getPath().stream()
            .map(
                part ->
                    part.getFieldName() == null
                        ? "[" + part.getIndex() + "]"
                        : "." + part.getFieldName())
            .collect(Collectors.joining());
  }
}
