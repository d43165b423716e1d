package org.halfstep.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A program that {@code bin/halfstep} started keeps the jars it began with, whatever {@code
 * scripts/stage-jars} puts in their place: a small program of two jars, the second of which it
 * opens late.
 */
class StagedJarsTest {
  private static final String MAIN =
      """
      package org.halfstep.cli;
      public class Halfstep {
        public static void main(String[] arguments) throws Exception {
          System.out.println("ready");
          System.in.read();
          System.out.println(Late.text());
        }
      }
      """;

  @TempDir Path folder;
  private Path root;

  /** The same checkout by another path, as people have it who keep their work behind a link. */
  private Path link;

  @BeforeEach
  void checkout() throws IOException {
    root = folder.toRealPath().resolve("halfstep");
    link = Files.createSymbolicLink(folder.resolve("link"), root);
    Path here = LauncherTest.checkout();
    for (String script : List.of("bin/halfstep", "scripts/stage-jars")) {
      LauncherTest.install(root.resolve(script), Files.readString(here.resolve(script)));
    }
    LauncherTest.install(
        root.resolve("scripts/find-jdk"),
        "#!/bin/sh\necho '" + System.getProperty("java.home") + "'\n");
  }

  /** What Maven leaves: two jars, over those of the build before. */
  private void build(String text) throws IOException {
    Path classes = Files.createDirectories(folder.resolve("classes/org/halfstep/cli"));
    Path main = Files.writeString(classes.resolve("Halfstep.java"), MAIN);
    Path late =
        Files.writeString(
            classes.resolve("Late.java"),
            "package org.halfstep.cli; class Late { static String text() { return \""
                + text
                + "\"; } }");
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    assertEquals(0, compiler.run(null, null, null, main.toString(), late.toString()));
    jar("engine/cli/target/halfstep-cli-1.jar", classes.resolve("Halfstep.class"));
    jar("engine/cli/target/lib/late.jar", classes.resolve("Late.class"));
  }

  private void jar(String name, Path type) throws IOException {
    Path file = root.resolve(name);
    Files.createDirectories(file.getParent());
    try (OutputStream out = Files.newOutputStream(file);
        JarOutputStream jar = new JarOutputStream(out)) {
      jar.putNextEntry(new JarEntry("org/halfstep/cli/" + type.getFileName()));
      Files.copy(type, jar);
    }
  }

  private void stage() throws Exception {
    Process process =
        new ProcessBuilder(link.resolve("scripts/stage-jars").toString()).inheritIO().start();
    assertTrue(process.waitFor(60, TimeUnit.SECONDS));
    assertEquals(0, process.exitValue());
  }

  /** As if every folder had been made some minutes ago. */
  private void age() throws IOException {
    for (Path old : staged()) {
      Files.setLastModifiedTime(old, FileTime.from(Instant.now().minusSeconds(300)));
    }
  }

  private List<Path> staged() throws IOException {
    try (Stream<Path> all = Files.list(root.resolve("target"))) {
      return all.filter(path -> path.getFileName().toString().startsWith("jars.")).toList();
    }
  }

  private Path current() throws IOException {
    return root.resolve("target/jars").toRealPath();
  }

  private Process start() throws IOException {
    ProcessBuilder builder = new ProcessBuilder(link.resolve("bin/halfstep").toString());
    return builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
  }

  private static String end(Process process, BufferedReader said) throws Exception {
    process.getOutputStream().close();
    String text = said.readLine();
    assertTrue(process.waitFor(60, TimeUnit.SECONDS));
    return text;
  }

  @Test
  void aProgramThatRunsKeepsItsJars() throws Exception {
    build("first");
    stage();
    final Path first = current();
    Process program = start();
    try (BufferedReader said = program.inputReader()) {
      assertEquals("ready", said.readLine());
      build("second");
      stage();
      age();
      stage();
      assertTrue(Files.isDirectory(first), "a program runs from it");
      assertEquals("first", end(program, said));
    } finally {
      program.destroyForcibly();
    }
    stage();
    assertFalse(Files.exists(first), "nothing runs from it any more");
    Process next = start();
    try (BufferedReader said = next.inputReader()) {
      assertEquals("ready", said.readLine());
      assertEquals("second", end(next, said));
    } finally {
      next.destroyForcibly();
    }
  }

  @Test
  void aProgramThatIsBeingStartedHasAMinuteToOpenThem() throws Exception {
    build("first");
    stage();
    final Path first = current();
    age();
    stage();
    assertTrue(Files.isDirectory(first), "the link led to it a moment ago");
    age();
    stage();
    assertFalse(Files.exists(first));
    assertEquals(2, staged().size());
  }
}
