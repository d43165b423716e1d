package org.halfstep.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.option.Settings;
import org.junit.jupiter.api.Test;

/** The page of settings is the one that the records make, and its ranges are those that hold. */
class ConfigurationPageTest {
  private static final Map<String, Class<?>> SECTIONS = ConfigurationPage.SECTIONS;

  /** What depends on other settings, and needs one of these changed with it. */
  private static final Map<String, String> TOGETHER =
      Map.of("teacher.network.num_heads", "teacher.network.num_head_channels=32");

  private final Path root = Path.of("").toAbsolutePath().getParent().getParent();
  private final ConfigurationPage page = new ConfigurationPage(root);

  private static void read(String... assignments) throws IOException {
    Settings settings = Settings.preset("tiny");
    for (String assignment : assignments) {
      settings.assign(assignment);
    }
    for (Map.Entry<String, Class<?>> section : SECTIONS.entrySet()) {
      assertNotNull(settings.section(section.getKey(), section.getValue()));
    }
  }

  @Test
  void thePageIsCurrent() throws IOException {
    Path file = root.resolve("docs/configuration.md");
    if (Boolean.getBoolean("halfstep.docs.write")) {
      Files.writeString(file, page.text());
    }
    assertEquals(page.text(), Files.readString(file), "docs/configuration.md: run 'make docs'");
  }

  @Test
  void everySettingOfThePresetsHasARow() throws IOException {
    for (String section : SECTIONS.keySet()) {
      Map<String, String> keys = page.keys(section, SECTIONS.get(section));
      Settings settings = Settings.preset("tiny");
      keys.keySet().forEach(key -> settings.set(key, 1));
      for (Map.Entry<String, String> key : keys.entrySet()) {
        assertTrue(key.getValue().length() > 10, key.toString());
      }
    }
  }

  @Test
  void rangesAreThoseThatHold() throws IOException {
    int tried = 0;
    for (String section : SECTIONS.keySet()) {
      Map<String, String> keys = new LinkedHashMap<>(page.keys(section, SECTIONS.get(section)));
      for (Map.Entry<String, String> key : keys.entrySet()) {
        List<Long> range = ConfigurationPage.range(key.getValue());
        if (range.isEmpty()) {
          continue;
        }
        tried++;
        String with = TOGETHER.getOrDefault(key.getKey(), "teacher.seed=1");
        for (long good : range) {
          read(with, key.getKey() + "=" + good);
        }
        for (long bad : new long[] {range.getFirst() - 1, range.getLast() + 1}) {
          String assignment = key.getKey() + "=" + bad;
          assertThrows(InputException.class, () -> read(with, assignment), assignment);
        }
      }
    }
    assertTrue(tried >= 12, tried + " ranges");
  }

  @Test
  void openEndsAreThoseThatHold() throws IOException {
    int tried = 0;
    for (String section : SECTIONS.keySet()) {
      for (Map.Entry<String, String> key : page.keys(section, SECTIONS.get(section)).entrySet()) {
        String path = key.getKey();
        String meaning = key.getValue();
        boolean unused = path.equals("distillation.halving.optimizer.emaDecay");
        if (meaning.contains("at least 0 and below 1") && !unused) {
          tried++;
          read(path + "=0.5", path + "=0");
          assertThrows(InputException.class, () -> read(path + "=1"), path);
          assertThrows(InputException.class, () -> read(path + "=-0.1"), path);
        } else if (meaning.contains("above 0")) {
          tried++;
          read(path + "=1e-9");
          assertThrows(InputException.class, () -> read(path + "=0"), path);
        } else if (meaning.contains("at least 1")) {
          tried++;
          read(path + "=1");
          assertThrows(InputException.class, () -> read(path + "=0"), path);
        } else if (meaning.contains("at least 0")) {
          tried++;
          read(path + "=0");
          assertThrows(InputException.class, () -> read(path + "=-1"), path);
        }
      }
    }
    assertTrue(tried >= 25, tried + " open ranges");
  }
}
