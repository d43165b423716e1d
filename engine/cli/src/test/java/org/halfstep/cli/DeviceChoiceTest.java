package org.halfstep.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.halfstep.cli.console.ErrorLine;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code --device} and {@code --precision}, where there is no GPU or it is hidden. */
class DeviceChoiceTest {
  @TempDir Path empty;

  private record Outcome(int code, List<String> lines) {}

  /**
   * A command in a process of its own that finds neither a driver nor NVIDIA's libraries, even
   * where there are some.
   */
  private Outcome process(List<String> jvm, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "--enable-native-access=ALL-UNNAMED",
            "-Xshare:auto",
            "-Dhalfstep.native=" + System.getProperty("halfstep.native"),
            "-Dhalfstep.cuda.driver=" + empty.resolve("libcuda.so.1"),
            "-Dhalfstep.native.cuda=" + empty.resolve("libhalfstep_cuda.so"),
            "-Dhalfstep.cuda=" + empty));
    command.addAll(jvm);
    command.addAll(
        List.of("-cp", System.getProperty("java.class.path"), "org.halfstep.cli.Halfstep"));
    command.addAll(List.of(arguments));
    Process child = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(child.getInputStream().readAllBytes());
    assertTrue(child.waitFor(120, TimeUnit.SECONDS));
    return new Outcome(child.exitValue(), output.lines().toList());
  }

  @ParameterizedTest
  @ValueSource(strings = {"cuda", "cuda:0"})
  void askingForAGpuThatIsNotThereIsOneLineThatSaysWhatWasLookedFor(String device)
      throws Exception {
    Outcome outcome = process(List.of(), "bench", "--device", device);
    assertEquals(1, outcome.code());
    assertEquals(1, outcome.lines().size(), outcome.lines().toString());
    String line = outcome.lines().getFirst();
    assertTrue(line.startsWith("halfstep: no CUDA device can be used: "), line);
    for (String wanted :
        List.of(
            empty.resolve("libcuda.so.1").toString(),
            "NVIDIA driver 580 or newer",
            empty.resolve("libhalfstep_cuda.so").toString(),
            "cuDNN",
            "cuBLASLt",
            "libcudnn.so.9",
            "libcublasLt.so.13",
            "halfstep.cuda")) {
      assertTrue(line.contains(wanted), wanted + " is missing in: " + line);
    }
  }

  @Test
  void nothingOfCudaIsLoadedForTheCpu() throws Exception {
    for (String device : List.of("cpu", "auto")) {
      Outcome outcome =
          process(List.of("-Xlog:class+load:stdout"), "convert", "--help", "--device", device);
      assertEquals(0, outcome.code());
      requireNoCuda(outcome, device);
    }
    Outcome info = process(List.of("-Xlog:class+load:stdout"), "info", "--device", "cpu");
    assertEquals(0, info.code());
    assertTrue(info.lines().stream().anyMatch(line -> line.contains("device         cpu (")));
    requireNoCuda(info, "cpu");
  }

  private static void requireNoCuda(Outcome outcome, String device) {
    for (String name : List.of("org.lwjgl", "device.cuda.CudaContext", "bindings.Cudnn")) {
      assertFalse(
          outcome.lines().stream()
              .anyMatch(
                  line -> line.contains("] " + name) || line.contains("] org.halfstep." + name)),
          name + " was loaded for " + device);
    }
  }

  @Test
  void infoSaysWhyNoGpuIsUsed() throws Exception {
    Outcome outcome = process(List.of(), "info", "--device", "auto");
    assertEquals(0, outcome.code(), outcome.lines().toString());
    List<String> gpu = outcome.lines().stream().filter(line -> line.startsWith("cuda ")).toList();
    assertEquals(1, gpu.size(), outcome.lines().toString());
    assertTrue(gpu.getFirst().contains("no CUDA device can be used"), gpu.getFirst());
    assertTrue(outcome.lines().stream().anyMatch(line -> line.contains("cpu (")));
  }

  private static String refused(String... arguments) {
    StringWriter err = new StringWriter();
    int code = Halfstep.run(new PrintWriter(new StringWriter()), new PrintWriter(err), arguments);
    assertEquals(ErrorLine.BAD_INPUT, code, err.toString());
    assertEquals(1, err.toString().lines().count(), err.toString());
    return err.toString().strip();
  }

  @Test
  void aDeviceThatIsNoneIsRefusedWithThoseThatAre() {
    for (String device : List.of("gpu", "cuda:", "cuda:x", "cuda:-1", "CPU")) {
      assertEquals(
          "halfstep: there is no device \""
              + device
              + "\": use cpu, cuda, cuda:N (number N, from 0) or auto",
          refused("info", "--device", device));
    }
  }

  @Test
  void theCpuRefusesTf32() {
    assertEquals(
        "halfstep: precision tf32 needs a CUDA device; on the CPU use f32 or bf16",
        refused("bench", "--device", "cpu", "--precision", "tf32"));
    assertEquals(
        "halfstep: invalid value for option '--precision': expected f32, bf16 or tf32, got 'f16';"
            + " see 'halfstep bench --help'",
        refused("bench", "--precision", "f16"));
  }
}
