package org.halfstep.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The sources of the CUDA kernels as they were built: by nvcc, and for the CPU. */
class CudaKernelsTest {
  private static final Path BUILD =
      Path.of(System.getProperty("halfstep.native", "../native/build"));
  private static final Path GPU = Path.of("/dev/nvidiactl");

  private static Path built(String file) {
    Path path = BUILD.resolve(file);
    assumeTrue(Files.exists(path), path + " was not built (make native-cuda)");
    return path;
  }

  /**
   * What nvcc made loads without a driver, has every function, and says so where there is no GPU.
   */
  @Test
  void theLibraryLoadsWithoutDriver() {
    System.setProperty("halfstep.test.cuda", built("libhalfstep_cuda.so").toString());
    Kernels kernels =
        Kernels.of(
            new NativeLibrary(
                "libhalfstep_cuda.so", "halfstep.test.cuda", "HALFSTEP_TEST_CUDA", "", false, ""));
    assertEquals("cuda", kernels.hs_instruction_set());
    assumeFalse(Files.exists(GPU), "there is a GPU: cuda_conformance runs there");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x = arena.allocate(64, 16);
      MemorySegment args =
          Kernel.ADD
              .struct()
              .select("a b y count dtype")
              .allocate(arena, x, x, x, 16, Kernels.HS_F32);
      KernelException failed =
          assertThrows(
              KernelException.class, () -> kernels.run(Kernel.ADD, MemorySegment.NULL, args));
      assertEquals(Kernels.HS_DEVICE_ERROR, failed.status());
    }
  }

  /**
   * Every kernel beside the CPU's, every array at the edge of what may be touched; and of the
   * orders in which warps and lanes run, none changes a bit.
   */
  @Test
  void everyKernelIsTheCpusInAnyOrderOfThreads() throws Exception {
    Set<String> digests = new HashSet<>();
    for (String order : List.of("forward", "reverse", "random:1", "random:2")) {
      String output =
          run(
              order,
              built("cuda_on_cpu_conformance"),
              built("libhalfstep_cpu.so"),
              built("libhalfstep_cuda_on_cpu.so"));
      assertTrue(output.contains(" comparisons, 0 failed"), order + ": " + output);
      digests.add(output.lines().filter(line -> line.startsWith("digest ")).findFirst().get());
    }
    assertEquals(1, digests.size(), "an order of threads changes results: " + digests);
  }

  /** A kernel that the list has and no case runs is a failure. */
  @ParameterizedTest
  @ValueSource(strings = {"hs_add", "hs_attention_backward", "hs_square_sum_workspace"})
  void aKernelThatWasNotComparedIsAFailure(String kernel) throws Exception {
    String output =
        run(
            "forward",
            List.of(kernel),
            built("cuda_on_cpu_conformance"),
            built("libhalfstep_cpu.so"),
            built("libhalfstep_cuda_on_cpu.so"));
    assertTrue(output.contains(kernel + " was not compared"), output);
    assertTrue(output.contains(" comparisons, 1 failed"), output);
  }

  @Test
  void everyKernelIsTheCpusOnTheGpu() throws Exception {
    assumeTrue(Files.exists(GPU), "there is no GPU");
    String output =
        run(
            "forward",
            built("cuda_conformance"),
            built("libhalfstep_cpu.so"),
            built("libhalfstep_cuda.so"));
    assertTrue(output.contains(" comparisons, 0 failed"), output);
  }

  @ParameterizedTest
  @ValueSource(strings = {"forward", "reverse", "random:1"})
  void fibersDoWhatAGpuDoesAndSeeWhatIsWrong(String order) throws Exception {
    String output = run(order, built("cuda_on_cpu_fibers"));
    assertTrue(output.contains("fibers: 0 failed"), output);
    assertTrue(output.contains("threads wait at different barriers"), output);
  }

  /** The output of a program, whose threads run in an order. */
  private static String run(String order, Path... command)
      throws IOException, InterruptedException {
    return run(order, List.of(), command);
  }

  private static String run(String order, List<String> arguments, Path... command)
      throws IOException, InterruptedException {
    List<String> line = new ArrayList<>(List.of(command).stream().map(Path::toString).toList());
    line.addAll(arguments);
    ProcessBuilder builder = new ProcessBuilder(line);
    builder.environment().put("HALFSTEP_FIBERS", order);
    Process process = builder.redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes());
    assertTrue(process.waitFor(120, TimeUnit.SECONDS));
    return output;
  }
}
