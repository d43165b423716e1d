package org.halfstep.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code bin/halfstep} in an image whose Java only says how it was started. */
class LauncherTest {
  private static final String JAVA =
      """
      #!/bin/sh
      echo "LC_ALL=${LC_ALL:-}"
      for argument in "$@"; do echo "<$argument>"; done
      """;

  @TempDir Path folder;

  private record Outcome(int code, String text) {}

  static Path checkout() {
    Path here = Path.of("").toAbsolutePath();
    while (!Files.exists(here.resolve("bin/halfstep"))) {
      here = here.getParent();
    }
    return here;
  }

  private Outcome start(String image, Map<String, String> environment, String... arguments)
      throws Exception {
    Path program = image(image).resolve("bin/halfstep");
    return run(program.toString(), environment, arguments);
  }

  private Path image(String name) throws IOException {
    Path root = folder.resolve(name);
    install(root.resolve("bin/halfstep"), Files.readString(checkout().resolve("bin/halfstep")));
    install(root.resolve("runtime/bin/java"), JAVA);
    return root;
  }

  private Outcome run(String program, Map<String, String> environment, String... arguments)
      throws Exception {
    String[] command = new String[arguments.length + 1];
    command[0] = program;
    System.arraycopy(arguments, 0, command, 1, arguments.length);
    ProcessBuilder builder =
        new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true);
    builder.environment().clear();
    builder.environment().putAll(environment);
    Process process = builder.start();
    String text = new String(process.getInputStream().readAllBytes());
    assertTrue(process.waitFor(60, TimeUnit.SECONDS));
    return new Outcome(process.exitValue(), text);
  }

  static void install(Path file, String text) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  @Test
  void argumentsAreKept() throws Exception {
    Outcome outcome = start("a b", Map.of(), "sample", "--labels", "Snow boot", "");
    assertEquals(0, outcome.code(), outcome.text());
    assertTrue(outcome.text().endsWith("<sample>\n<--labels>\n<Snow boot>\n<>\n"), outcome.text());
  }

  @Test
  void aLocaleOfAsciiBecomesOneOfUnicode() throws Exception {
    for (Map<String, String> ascii :
        List.of(
            Map.<String, String>of(),
            Map.of("LANG", "C"),
            Map.of("LC_ALL", "POSIX", "LANG", "de_DE.UTF-8"))) {
      assertTrue(start("image", ascii).text().startsWith("LC_ALL=C.UTF-8\n"), ascii.toString());
    }
    assertTrue(start("image", Map.of("LANG", "de_DE.UTF-8")).text().startsWith("LC_ALL=\n"));
  }

  @Test
  void temporaryFilesGoWhereTheEnvironmentSays() throws Exception {
    String text = start("image", Map.of("TMPDIR", "/some where")).text();
    assertTrue(text.contains("<-Djava.io.tmpdir=/some where>\n"), text);
    assertFalse(start("image", Map.of()).text().contains("tmpdir"));
    String both =
        start("image", Map.of("TMPDIR", "/a", "HALFSTEP_JVM", "-Djava.io.tmpdir=/b -Xmx8g")).text();
    assertTrue(both.indexOf("tmpdir=/a") < both.indexOf("tmpdir=/b"), "the last one counts");
    assertTrue(both.contains("<-Xmx8g>\n"), both);
  }

  @Test
  void theShellsOwnSettingsChangeNothing() throws Exception {
    Path root = image("image").toRealPath();
    // With CDPATH a shell says where it goes, and may go elsewhere.
    Files.createDirectories(folder.resolve("elsewhere/image/bin"));
    String path = folder.resolve("elsewhere") + ":" + folder;
    String text = run("image/bin/halfstep", Map.of("CDPATH", path)).text();
    assertTrue(text.contains("<" + root + "/lib/native:" + root + "/lib/*>\n"), text);
    // Options of the JVM are no patterns of names.
    Files.writeString(folder.resolve("-Xlog:gcx"), "");
    assertTrue(
        run("image/bin/halfstep", Map.of("HALFSTEP_JVM", "-Xlog:gc*"))
            .text()
            .contains("<-Xlog:gc*>\n"));
  }

  @Test
  void whatJavaWouldMisreadIsOneLine() throws Exception {
    Outcome colon = start("a:b", Map.of());
    assertEquals(1, colon.code());
    assertTrue(colon.text().contains("has a ':'"), colon.text());
    Outcome blank = start("image", Map.of("HALFSTEP_JVM", "-Djava.io.tmpdir=/some where"));
    assertEquals(2, blank.code());
    assertTrue(blank.text().startsWith("halfstep: HALFSTEP_JVM: 'where'"), blank.text());
    assertEquals(1, blank.text().lines().count());
  }
}
