package org.halfstep;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Each jar of ours has its licence, and docs/third-party.md lists what is not ours. */
class ThirdPartyTest {
  private static final Pattern JAR =
      Pattern.compile("(.+?)-(\\d[^/]*?)(-natives-linux|-linux-x86_64)?\\.jar");

  /** What only tests have on their class path. */
  private static final Set<String> OF_TESTS =
      Set.of("junit", "opentest4j", "apiguardian", "archunit", "slf4j", "surefire", "halfstep");

  /** The repository: tests of a module run in its folder. */
  private static Path root() {
    return Path.of("").toAbsolutePath().getParent().getParent();
  }

  @ParameterizedTest
  @ValueSource(strings = {"LICENSE", "NOTICE"})
  void everyModuleHasItsLicence(String name) throws IOException {
    String expected = Files.readString(root().resolve(name));
    Set<String> modules = new TreeSet<>();
    for (URL url : Collections.list(getClass().getClassLoader().getResources("META-INF/" + name))) {
      Matcher ours = Pattern.compile("/(bindings|engine/\\w+)/target/").matcher(url.toString());
      if (ours.find()) {
        modules.add(ours.group(1));
        try (var in = url.openStream()) {
          assertEquals(expected, new String(in.readAllBytes(), StandardCharsets.UTF_8));
        }
      }
    }
    assertEquals(Set.of("bindings", "engine/cli", "engine/core", "engine/models"), modules);
  }

  @Test
  void everyLibraryIsListed() throws IOException {
    List<String> rows = Files.readAllLines(root().resolve("docs/third-party.md"));
    Set<String> seen = new TreeSet<>();
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
      Matcher jar = JAR.matcher(Path.of(entry).getFileName().toString());
      if (!jar.matches() || OF_TESTS.stream().anyMatch(jar.group(1)::startsWith)) {
        continue;
      }
      seen.add(jar.group(1));
      Pattern name = Pattern.compile("(?<![\\w-])" + Pattern.quote(jar.group(1)) + "(?![\\w-])");
      assertTrue(
          rows.stream()
              .anyMatch(
                  row -> name.matcher(row).find() && row.contains("| " + jar.group(2) + " |")),
          "docs/third-party.md does not list " + jar.group(1) + " " + jar.group(2));
    }
    assertTrue(seen.containsAll(Set.of("dnnl", "jackson-databind", "xchart")), seen.toString());
  }
}
