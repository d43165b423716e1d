package org.halfstep.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeLibraryTest {
  private static final String NATIVE_ACCESS = "--enable-native-access=ALL-UNNAMED";

  @TempDir Path folder;

  /** A library that no machine has, named by a property that this test owns. */
  private static NativeLibrary unknown() {
    return new NativeLibrary(
        "libhalfstep_unknown.so",
        "halfstep.test.unknown",
        "HALFSTEP_TEST_UNKNOWN",
        "org/halfstep/none/",
        false,
        "write it");
  }

  private static String messageWithPath(Path path) {
    System.setProperty("halfstep.test.unknown", path.toString());
    try {
      return assertThrows(NativeLibraryException.class, () -> unknown().load()).getMessage();
    } finally {
      System.clearProperty("halfstep.test.unknown");
    }
  }

  @Test
  void aMissingFileIsNamed() {
    Path missing = folder.resolve("absent.so");
    String message = messageWithPath(missing);
    assertTrue(message.contains("cannot load " + missing), message);
    assertTrue(message.contains("there is no such file"), message);
    assertTrue(message.contains("system property halfstep.test.unknown"), message);
  }

  @Test
  void aFolderMeansTheFileInIt() {
    String message = messageWithPath(folder);
    assertTrue(message.contains(folder.resolve("libhalfstep_unknown.so").toString()), message);
  }

  @Test
  void theLoadersWordsAreKept() throws IOException {
    Path text = Files.writeString(folder.resolve("text.so"), "this is not a library, only text");
    String message = messageWithPath(text);
    assertTrue(message.contains("file too short") || message.contains("ELF"), message);
    assertTrue(message.contains("write it"), message);
  }

  @Test
  void everyPlaceTriedIsListed() {
    String message =
        assertThrows(NativeLibraryException.class, () -> unknown().load()).getMessage();
    assertTrue(message.contains("no resource org/halfstep/none/libhalfstep_unknown.so"), message);
    assertTrue(message.contains("HALFSTEP_TEST_UNKNOWN"), message);
    NativeLibrary ofTheSystem = library("libhalfstep_unknown.so", null);
    message = assertThrows(NativeLibraryException.class, ofTheSystem::load).getMessage();
    assertTrue(message.contains("No such file or directory"), message);
  }

  @Test
  void aSystemsLibraryIsNotTakenInPlaceOfAJars() {
    NativeLibrary ofAJar = library("libm.so.6", "org/halfstep/none/");
    String message = assertThrows(NativeLibraryException.class, ofAJar::load).getMessage();
    assertTrue(message.contains("no resource org/halfstep/none/libm.so.6"), message);
    assertEquals("the system's loader", library("libm.so.6", null).location());
  }

  private static NativeLibrary library(String file, String resourceFolder) {
    return new NativeLibrary(
        file, "halfstep.test.m", "HALFSTEP_TEST_M", resourceFolder, false, "write it");
  }

  @Test
  void aFunctionThatIsNotThereIsNamed() {
    NativeLibraryException missing =
        assertThrows(
            NativeLibraryException.class,
            () -> NativeLibrary.ONEDNN.function("dnnl_no_such", FunctionDescriptor.ofVoid()));
    assertTrue(missing.getMessage().contains("has no function dnnl_no_such"), missing.getMessage());
  }

  @Test
  void oneOpenMpRuntimeInTheProcess() throws IOException {
    NativeLibrary.ONEDNN.load();
    if (Files.exists(Path.of(System.getProperty("halfstep.native"), "libhalfstep_cpu.so"))) {
      NativeLibrary.KERNELS.load();
    }
    try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
      List<String> runtimes =
          maps.map(line -> line.split("\\s+", 6))
              .filter(fields -> fields.length == 6)
              .map(fields -> fields[5])
              .filter(path -> path.contains("libgomp") || path.contains("omp.so"))
              .distinct()
              .toList();
      assertEquals(1, runtimes.size(), runtimes.toString());
    }
  }

  /** Not even for a moment: a process may be killed in it. */
  @Test
  void librariesFromJarsAreNeverInAFolder() throws Exception {
    try (WatchService watch = folder.getFileSystem().newWatchService()) {
      folder.register(watch, StandardWatchEventKinds.ENTRY_CREATE);
      String output = child(Map.of(), NATIVE_ACCESS, "-Djava.io.tmpdir=" + folder);
      assertTrue(output.contains("libdnnl.so.3"), output);
      WatchKey seen = watch.poll(200, TimeUnit.MILLISECONDS);
      List<String> names =
          seen == null
              ? List.of()
              : seen.pollEvents().stream()
                  .map(event -> event.context().toString())
                  .filter(name -> name.contains("halfstep") || name.contains(".so"))
                  .toList();
      assertEquals(List.of(), names);
    }
  }

  @Test
  void librariesNeedNoTemporaryFolder() throws Exception {
    String output = child(Map.of(), NATIVE_ACCESS, "-Djava.io.tmpdir=" + folder.resolve("none"));
    assertTrue(output.contains("libdnnl.so.3"), output);
  }

  @Test
  void otherSystemsAreTold() throws Exception {
    String output = child(Map.of(), NATIVE_ACCESS, "-Dos.arch=aarch64");
    assertTrue(output.contains("Linux x86-64 with glibc"), output);
  }

  @Test
  void deniedNativeAccessNamesTheFlag() throws Exception {
    String output = child(Map.of(), "--illegal-native-access=deny");
    assertTrue(output.contains("start java with --enable-native-access=ALL-UNNAMED"), output);
  }

  @Test
  void waitingThreadsSpinBriefly() throws Exception {
    String output = child(Map.of("OMP_DISPLAY_ENV", "verbose"), NATIVE_ACCESS);
    assertTrue(output.contains("GOMP_SPINCOUNT = '1000'"), output);
  }

  @Test
  void theEnvironmentDecidesHowToWait() throws Exception {
    String output =
        child(Map.of("OMP_DISPLAY_ENV", "verbose", "GOMP_SPINCOUNT", "77"), NATIVE_ACCESS);
    assertTrue(output.contains("GOMP_SPINCOUNT = '77'"), output);
  }

  /** The output of {@link Load} in a process of its own. */
  private static String child(Map<String, String> environment, String... options) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(options));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Load.class.getName()));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().keySet().removeAll(List.of("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"));
    builder.environment().putAll(environment);
    Process child = builder.redirectErrorStream(true).start();
    String output = new String(child.getInputStream().readAllBytes());
    assertTrue(child.waitFor(60, TimeUnit.SECONDS));
    return output;
  }

  /** What a child process runs; it ends as if it were killed. */
  static final class Load {
    private Load() {}

    public static void main(String[] arguments) {
      try {
        System.out.println(NativeLibrary.ONEDNN.location());
      } catch (NativeLibraryException refused) {
        System.out.println(refused.getMessage());
      }
      System.out.flush();
      Runtime.getRuntime().halt(0);
    }
  }
}
