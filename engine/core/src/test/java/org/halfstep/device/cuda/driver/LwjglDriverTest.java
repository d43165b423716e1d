package org.halfstep.device.cuda.driver;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.halfstep.device.GpuOptions;
import org.halfstep.device.cuda.CudaDevice;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Every call of the driver through LWJGL, against a library with the driver's functions over the
 * host's memory that is compiled here: arguments arrive where they belong, failures are named, and
 * nothing is printed. Each runs in a process of its own, since a library stays loaded.
 */
class LwjglDriverTest {
  @TempDir static Path folder;
  private static Path library;

  @BeforeAll
  static void compile() throws Exception {
    Path source = folder.resolve("libcuda.c");
    try (InputStream in = LwjglDriverTest.class.getResourceAsStream("libcuda.c")) {
      Files.copy(in, source);
    }
    library = folder.resolve("libcuda.so.1");
    try {
      Process compiler =
          new ProcessBuilder(
                  "cc", "-shared", "-fPIC", "-w", "-o", library.toString(), source.toString())
              .inheritIO()
              .start();
      assertTrue(compiler.waitFor(60, TimeUnit.SECONDS));
      assertEquals(0, compiler.exitValue());
    } catch (java.io.IOException missing) {
      assumeTrue(false, "no C compiler: " + missing.getMessage());
    }
  }

  private static List<String> run(Map<String, String> environment) throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-Xshare:auto",
            "-Dhalfstep.cuda.driver=" + library,
            "-cp",
            System.getProperty("java.class.path"),
            Calls.class.getName());
    builder.environment().putAll(environment);
    Process child = builder.redirectErrorStream(true).start();
    List<String> lines = new String(child.getInputStream().readAllBytes()).lines().toList();
    assertTrue(child.waitFor(60, TimeUnit.SECONDS));
    return lines;
  }

  @Test
  void everyCallReachesTheDriver() throws Exception {
    assertEquals(
        List.of(
            "Gpu[ordinal=0, name=Imagined GPU, major=9, minor=0, multiprocessors=132,"
                + " memoryBytes=8589934592, cudaVersion=13000]",
            "out of memory: 0, free 5, pooled 11",
            "there and back: 42 0",
            "recorded: 1",
            "recording that fails: stopped",
            "recorded again: 1",
            "elapsed 1.5",
            "CudaException: cuEventSynchronize failed: CUDA_ERROR_INVALID_VALUE (1): invalid argument",
            "CudaUnavailableException: there is no GPU 3: the driver knows 1, number 0"),
        run(Map.of()));
  }

  @Test
  void aDriverThatDoesNotStartSaysWhy() throws Exception {
    assertEquals(
        List.of(
            "CudaUnavailableException: cuInit failed: CUDA_ERROR_INVALID_VALUE (1): invalid"
                + " argument"),
        run(Map.of("FAKE_CUDA_INIT", "1")));
  }

  @ParameterizedTest
  @CsvSource({
    "34, stubs",
    "803, restart the machine",
    "804, remove cuda-compat from LD_LIBRARY_PATH",
    "999, nvidia_uvm"
  })
  void knownFaultsOfADriverComeWithTheWayOut(String status, String wayOut) throws Exception {
    List<String> lines = run(Map.of("FAKE_CUDA_INIT", status));
    assertEquals(1, lines.size(), lines.toString());
    assertTrue(
        lines.getFirst().startsWith("CudaUnavailableException: cuInit failed"), lines.getFirst());
    assertTrue(lines.getFirst().contains(wayOut), lines.getFirst());
  }

  @Test
  void noGpuIsSaidAsSuch() throws Exception {
    String hidden =
        "CudaUnavailableException: the driver finds no GPU: CUDA_VISIBLE_DEVICES is \"7\"; unset it";
    assertEquals(
        List.of(hidden), run(Map.of("FAKE_CUDA_INIT", "100", "CUDA_VISIBLE_DEVICES", "7")));
    assertEquals(List.of(hidden), run(Map.of("FAKE_CUDA_GPUS", "0", "CUDA_VISIBLE_DEVICES", "7")));
  }

  /** Without a GPU nobody should look for hundreds of megabytes of libraries first. */
  @Test
  void theDriverIsAskedBeforeTheLibraries() throws Exception {
    List<String> lines = run(Map.of("FAKE_CUDA_GPUS", "0", "OPEN_DEVICE", "1"));
    assertEquals(1, lines.size(), lines.toString());
    assertTrue(lines.getFirst().contains("the driver finds no GPU"), lines.getFirst());
    assertFalse(lines.getFirst().contains("cuDNN"), lines.getFirst());
  }

  @Test
  void aGpuThatIsTooOldIsNamed() throws Exception {
    assertEquals(
        List.of(
            "CudaUnavailableException: Imagined GPU has compute capability 7.0; 8.0 (Ampere) or"
                + " newer is needed"),
        run(Map.of("FAKE_CUDA_MAJOR", "7")));
  }

  /** What a child process runs. */
  static final class Calls {
    private Calls() {}

    public static void main(String[] arguments) {
      List<String> lines = new ArrayList<>();
      try {
        calls(lines);
      } catch (RuntimeException failed) {
        lines.add(failed.getClass().getSimpleName() + ": " + failed.getMessage());
      }
      lines.forEach(System.out::println);
    }

    private static void calls(List<String> lines) {
      if (System.getenv("OPEN_DEVICE") != null) {
        CudaDevice.open(0, GpuOptions.standard()).close();
      }
      try (LwjglDriver driver = LwjglDriver.open(0)) {
        lines.add(driver.gpu().toString());
        long stream = driver.createStream();
        lines.add(
            "out of memory: "
                + driver.allocate(2L << 30, stream)
                + ", free "
                + driver.freeBytes()
                + ", pooled "
                + driver.pooledBytes());
        long address = driver.allocate(16, stream);
        driver.zero(address, 16, stream);
        MemorySegment host = driver.allocatePinned(16);
        host.set(ValueLayout.JAVA_INT, 4, 42);
        driver.copyToDevice(address, host.address() + 4, 4, stream);
        host.fill((byte) 9);
        driver.copyToHost(host.address(), address, 8, stream);
        driver.synchronizeStream(stream);
        lines.add(
            "there and back: "
                + host.get(ValueLayout.JAVA_INT, 0)
                + " "
                + host.get(ValueLayout.JAVA_INT, 4));
        record(driver, stream, lines, "recorded: ");
        try {
          driver.capture(
              stream,
              () -> {
                throw new IllegalStateException("stopped");
              });
        } catch (IllegalStateException stopped) {
          lines.add("recording that fails: " + stopped.getMessage());
        }
        record(driver, stream, lines, "recorded again: ");
        long from = driver.createTimedEvent();
        long to = driver.createTimedEvent();
        driver.recordEvent(from, stream);
        driver.recordEvent(to, stream);
        lines.add("elapsed " + driver.elapsedMilliseconds(from, to));
        driver.destroyEvent(from);
        driver.destroyEvent(to);
        long event = driver.createEvent();
        driver.recordEvent(event, stream);
        driver.synchronizeEvent(event);
        driver.destroyEvent(event);
        try {
          driver.synchronizeEvent(stream);
        } catch (CudaException refused) {
          lines.add("CudaException: " + refused.getMessage());
          if (!refused.function().equals("cuEventSynchronize") || refused.status() != 1) {
            lines.add("function " + refused.function() + ", status " + refused.status());
          }
        }
        driver.freePinned(host);
        driver.free(address, stream);
        driver.destroyStream(stream);
      }
      LwjglDriver.open(3);
    }

    private static void record(LwjglDriver driver, long stream, List<String> lines, String title) {
      int[] runs = {0};
      long graph = driver.capture(stream, () -> runs[0]++);
      driver.launchGraph(graph, stream);
      driver.synchronizeStream(stream);
      driver.destroyGraph(graph);
      lines.add(title + runs[0]);
    }
  }
}
