package org.halfstep.cli;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.halfstep.cli.option.Settings;
import org.halfstep.distill.DistillationSettings;
import org.halfstep.distill.LatentDistillationSettings;
import org.halfstep.train.AutoencoderSettings;
import org.halfstep.train.CaptionScorerSettings;
import org.halfstep.train.CaptionedTeacherSettings;
import org.halfstep.train.ClassifierSettings;
import org.halfstep.train.TeacherSettings;

/**
 * docs/configuration.md, made of the settings' records, what their Javadoc says, and the presets.
 */
final class ConfigurationPage {
  private static final String HEAD =
      """
      # Configuration

      Every setting of `train`, `distill`, `train-classifier`, `train-autoencoder` and `train-caption-scorer`: its path as `--set`
      and a JSON file of `--config` take it, what it means with its range, and what the presets have that know it. Made from the records by `make docs`;
      do not edit it. `train --autoencoder` reads the section `latentTeacher`, `train` alone the section `teacher`;
      `distill` reads `latentDistillation` for latent models, `distillation` for others.

          bin/halfstep train --preset tiny --set teacher.run.batch=32 --set teacher.mirror=true
          bin/halfstep train --config mine.json     # {"teacher": {"run": {"batch": 32}}}

      A file may have comments (`//`, `/* */`, `#`) and any part of the settings; `--set` wins over it, and both over the preset. A
      number out of its range is refused in a line. Every run writes all of its settings into `config.json` in its folder, which
      `--config` takes. `num_classes` follows the data where it is not given; null (with `cfg` false and `labelDropout` 0) makes a
      network without labels.

      **Noise schedules.** Teachers of pixels are trained with the truncated cosine schedule: alpha = cos phi, sigma = sin phi, the
      angle phi linear in t between the ends where log-SNR = log(alpha² / sigma²) is 20 and -20 (Salimans and Ho, 2022), and predict
      v = alpha eps - sigma x; `teacher.schedule` takes another one. Teachers of latents predict v on Stable Diffusion's 1000 levels of
      scaled linear betas, rescaled so that the last one is noise alone (Lin et al., 2024); one that begins with another model
      (`--from`) keeps that model's levels. Students keep their teacher's. `halfstep info --model` names a model's schedule.
      """;

  /** The records of the sections, in the order of the page. */
  static final Map<String, Class<?>> SECTIONS = sections();

  private final Map<Class<?>, Map<String, String>> meanings = new HashMap<>();
  private final Path root;

  /**
   * @param root of the repository
   */
  ConfigurationPage(Path root) {
    this.root = root;
  }

  private static Map<String, Class<?>> sections() {
    Map<String, Class<?>> sections = new LinkedHashMap<>();
    sections.put("teacher", TeacherSettings.class);
    sections.put("distillation", DistillationSettings.class);
    sections.put("classifier", ClassifierSettings.class);
    sections.put("autoencoder", AutoencoderSettings.class);
    sections.put("latentTeacher", CaptionedTeacherSettings.class);
    sections.put("latentDistillation", LatentDistillationSettings.class);
    sections.put("captionScorer", CaptionScorerSettings.class);
    return sections;
  }

  /** The page as it should be. */
  String text() throws IOException {
    StringBuilder page = new StringBuilder(HEAD);
    for (Map.Entry<String, Class<?>> section : SECTIONS.entrySet()) {
      List<String> presets = new ArrayList<>();
      for (String preset : Settings.PRESETS) {
        if (Settings.preset(preset).section(section.getKey()) != null) {
          presets.add(preset);
        }
      }
      page.append("\n## ").append(section.getKey()).append("\n\n");
      page.append("| setting | meaning and range | " + String.join(" | ", presets) + " |\n");
      page.append("| --- | --- |" + " --- |".repeat(presets.size()) + "\n");
      for (Map.Entry<String, String> row : keys(section.getKey(), section.getValue()).entrySet()) {
        page.append("| `" + row.getKey() + "` | " + row.getValue() + " | ");
        for (String preset : presets) {
          page.append("`" + value(preset, row.getKey()) + "` | ");
        }
        page.deleteCharAt(page.length() - 1).append('\n');
      }
    }
    page.append("\n## Variants\n\n");
    page.append("Presets that differ from another one in a few settings.\n\n");
    page.append("| preset | like | but for |\n| --- | --- | --- |\n");
    for (String name : Settings.VARIANTS) {
      ObjectNode variant = Settings.variant(name);
      String base = variant.remove(Settings.BASE).textValue();
      List<String> settings = new ArrayList<>();
      leaves("", variant, settings);
      page.append("| `" + name + "` | `" + base + "` | " + String.join(", ", settings) + " |\n");
    }
    return page.toString();
  }

  private static void leaves(String path, JsonNode node, List<String> settings) {
    if (!node.isObject()) {
      settings.add("`" + path + "=" + node + "`");
      return;
    }
    node.properties()
        .forEach(
            entry ->
                leaves(
                    path.isEmpty() ? entry.getKey() : path + "." + entry.getKey(),
                    entry.getValue(),
                    settings));
  }

  /** Every path below a section with what it means. */
  Map<String, String> keys(String section, Class<?> type) throws IOException {
    Map<String, String> keys = new LinkedHashMap<>();
    collect(section, type, keys);
    return keys;
  }

  private void collect(String path, Class<?> type, Map<String, String> keys) throws IOException {
    for (RecordComponent component : type.getRecordComponents()) {
      JsonProperty named = component.getAccessor().getAnnotation(JsonProperty.class);
      String name = named == null || named.value().isEmpty() ? component.getName() : named.value();
      String here = path + "." + name;
      if (component.getType().isRecord()) {
        collect(here, component.getType(), keys);
      } else {
        String meaning = meanings(type).get(component.getName());
        if (meaning == null) {
          throw new IllegalStateException(type + ": " + component.getName() + " has no @param");
        }
        keys.put(here, meaning);
      }
    }
  }

  private static String value(String preset, String path) throws IOException {
    JsonNode node = Settings.preset(preset).section(path.substring(0, path.indexOf('.')));
    return node.at("/" + path.substring(path.indexOf('.') + 1).replace('.', '/')).toString();
  }

  /** What the Javadoc of a record says of its components. */
  private Map<String, String> meanings(Class<?> type) throws IOException {
    if (!meanings.containsKey(type)) {
      Path source =
          root.resolve("engine/core/src/main/java")
              .resolve(type.getName().replace('.', '/') + ".java");
      String text = Files.readString(source);
      String before = text.substring(0, text.indexOf("public record " + type.getSimpleName()));
      String comment = before.substring(before.lastIndexOf("/**"));
      Map<String, String> found = new HashMap<>();
      Matcher one =
          Pattern.compile("@param (\\w+) (.*?)(?=\\n \\* @|\\n \\*/)", Pattern.DOTALL)
              .matcher(comment);
      while (one.find()) {
        found.put(one.group(1), plain(one.group(2), type));
      }
      meanings.put(type, found);
    }
    return meanings.get(type);
  }

  private static String plain(String javadoc, Class<?> type) {
    String line = javadoc.replaceAll("\\s*\\n \\*\\s*", " ").strip();
    Matcher constant = Pattern.compile("\\{@value #(\\w+)}").matcher(line);
    line =
        constant.replaceAll(
            found -> {
              try {
                var field = type.getDeclaredField(found.group(1));
                field.setAccessible(true);
                return String.valueOf(field.get(null));
              } catch (ReflectiveOperationException e) {
                throw new IllegalStateException(e);
              }
            });
    // Components by the names that they have in JSON.
    Matcher code = Pattern.compile("\\{@(?:code|link) (\\w+)}").matcher(line);
    return code.replaceAll(found -> "`" + jsonName(type, found.group(1)) + "`");
  }

  private static String jsonName(Class<?> type, String component) {
    for (RecordComponent one : type.getRecordComponents()) {
      JsonProperty named = one.getAccessor().getAnnotation(JsonProperty.class);
      if (one.getName().equals(component) && named != null && !named.value().isEmpty()) {
        return named.value();
      }
    }
    return component;
  }

  /** Numbers that a meaning calls the least and the greatest; empty where it says otherwise. */
  static List<Long> range(String meaning) {
    Matcher range = Pattern.compile("from ([\\d,]+) to ([\\d,]+)").matcher(meaning);
    return range.find()
        ? List.of(
            Long.parseLong(range.group(1).replace(",", "")),
            Long.parseLong(range.group(2).replace(",", "")))
        : List.of();
  }
}
