package org.halfstep.device.cuda.cudnn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.bindings.CudaLibraryFolders;
import org.halfstep.bindings.NativeLibrary;
import org.halfstep.bindings.NativeLibraryException;
import org.halfstep.device.AttentionRun;
import org.halfstep.device.AttentionShape;
import org.halfstep.device.DataType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which attention is left to cuDNN, and that it has plans for it. */
class CudnnAttentionTest {
  private static final long NEW = 92_400;

  /** What cuDNN asks of the driver before it compiles; the first ones have to succeed. */
  private static final String DRIVER =
      """
      int cuInit(unsigned flags) { return 0; }
      int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
      int cuDeviceGetCount(int *count) { *count = 0; return 0; }
      int cuLibraryLoadData(void **library) { static int some; *library = &some; return 0; }
      int cuLibraryGetKernel(void **kernel) { static int some; *kernel = &some; return 0; }
      int cuLibraryUnload(void *library) { return 0; }
      int cuGetErrorName(int code, const char **name) { *name = "NO_DEVICE"; return 0; }
      int cuGetErrorString(int code, const char **text) { *text = "no device"; return 0; }
      """;

  private static final List<String> ABSENT =
      List.of(
          "cuCtxGetCurrent cuCtxGetDevice cuCtxGetLimit cuCtxPopCurrent cuCtxPushCurrent",
          "cuDeviceGet cuDeviceGetAttribute cuDevicePrimaryCtxRelease cuDevicePrimaryCtxReset",
          "cuDevicePrimaryCtxRetain cuFuncGetAttribute cuFuncSetAttribute cuGetExportTable",
          "cuKernelGetAttribute cuKernelSetAttribute cuLaunchCooperativeKernel cuLaunchKernel",
          "cuLaunchKernelEx cuLibraryLoadFromFile cuLinkAddData cuLinkAddData_v2",
          "cuLinkAddFile_v2 cuLinkComplete cuLinkCreate cuLinkCreate_v2 cuLinkDestroy",
          "cuMemcpyDtoH_v2 cuModuleGetFunction cuModuleGetGlobal_v2 cuModuleLoadData",
          "cuModuleLoadDataEx cuModuleLoadFatBinary cuModuleUnload cuStreamGetCtx",
          "cuOccupancyMaxActiveBlocksPerMultiprocessor cuOccupancyMaxPotentialClusterSize",
          "cuStreamSynchronize cuTensorMapEncodeTiled");

  private static final int NO_DEVICE = 100;

  @TempDir Path folder;

  private static AttentionShape shape(int tokens, int channels, DataType type) {
    return AttentionRun.self(2, tokens, 3, channels, false, type);
  }

  private static AttentionShape masked(boolean causal, boolean padded) {
    AttentionShape.Layout layout = shape(64, 64, DataType.BF16).layout();
    return new AttentionShape(2, 64, 64, 3, 64, causal, padded, layout, DataType.BF16);
  }

  @Test
  void versionTypeTokensAndChannelsDecide() {
    assertTrue(CudnnAttention.suits(shape(64, 64, DataType.BF16), NEW));
    assertTrue(CudnnAttention.suits(shape(1000, 8, DataType.BF16), 91_600));
    assertFalse(CudnnAttention.suits(shape(64, 64, DataType.BF16), 91_599));
    assertFalse(CudnnAttention.suits(shape(64, 64, DataType.F32), NEW));
    assertFalse(CudnnAttention.suits(shape(64, 64, DataType.TF32), NEW));
    assertFalse(CudnnAttention.suits(shape(63, 64, DataType.BF16), NEW));
    assertFalse(CudnnAttention.suits(shape(64, 60, DataType.BF16), NEW));
    assertTrue(CudnnAttention.suits(shape(64, 128, DataType.BF16), NEW));
    assertFalse(CudnnAttention.suits(shape(64, 136, DataType.BF16), NEW));
    assertTrue(CudnnAttention.suits(AttentionRun.cross(1, 64, 77, 2, 40, DataType.BF16), NEW));
    assertFalse(CudnnAttention.suits(AttentionRun.cross(1, 64, 5, 2, 40, DataType.BF16), NEW));
    assertFalse(CudnnAttention.suits(masked(true, false), NEW));
    assertFalse(CudnnAttention.suits(masked(false, true), NEW));
    assertThrows(
        IllegalArgumentException.class,
        () ->
            new CudnnAttentionGraph(CudnnAttentionGraph.Kind.FORWARD, shape(64, 64, DataType.F32)));
  }

  /** In a process of its own: its driver would be found by every other test from then on. */
  @Test
  void everyPassHasAPlan() throws Exception {
    CudaLibraryFolders folders = CudaLibraryFolders.ofThisProcess();
    assumeFalse(
        folders.find(List.of("libcudnn.so.9")).isEmpty()
            || folders.find(List.of("libcublasLt.so.13", "libcublasLt.so.12")).isEmpty(),
        "cuDNN and cuBLASLt were not found, so nothing can be planned");
    List<String> command =
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
            AttentionPlansChild.class.getName(),
            folder.resolve("cache").toString());
    ProcessBuilder builder = new ProcessBuilder(command).redirectError(Redirect.INHERIT);
    String named = System.getProperty("halfstep.cuda");
    if (named != null) {
      builder.environment().put("HALFSTEP_CUDA", named);
    }
    if (!hasDriver()) {
      String more = builder.environment().get("LD_LIBRARY_PATH");
      builder
          .environment()
          .put("LD_LIBRARY_PATH", describedDriver() + (more == null ? "" : ":" + more));
    }
    Process child = builder.start();
    String out = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    int code = child.waitFor();
    assumeFalse(code == AttentionPlansChild.TOO_OLD, "this cuDNN has not the attention we use");
    assertEquals(0, code, out);
    List<String> lines = out.lines().toList();
    int plans = AttentionPlansChild.SHAPES.length * CudnnAttentionGraph.Kind.values().length;
    assertEquals(2 * plans, lines.size(), out);
    for (String line : lines.subList(0, plans)) {
      assertTrue(line.matches("[A-Z]+ \\d+ \\d+ \\d+ engine \\d+( k\\d+=-?\\d+)*"), line);
    }
    for (String line : lines.subList(plans, 2 * plans)) {
      assertTrue(line.endsWith(" from the cache"), line);
    }
  }

  private static boolean hasDriver() {
    try {
      NativeLibrary.CUDA_DRIVER.load();
      return true;
    } catch (NativeLibraryException absent) {
      return false;
    }
  }

  /** A folder with a libcuda.so.1 that knows no device. */
  private Path describedDriver() throws IOException, InterruptedException {
    StringBuilder source = new StringBuilder(DRIVER);
    for (String names : ABSENT) {
      for (String name : names.split(" ")) {
        source.append("int ").append(name).append("(void) { return ").append(NO_DEVICE);
        source.append("; }\n");
      }
    }
    Path code = Files.writeString(folder.resolve("driver.c"), source);
    Path library = folder.resolve("libcuda.so.1");
    List<String> command = new ArrayList<>(List.of("gcc", "-shared", "-fPIC"));
    command.addAll(List.of("-Wl,-soname,libcuda.so.1", "-o", library.toString(), code.toString()));
    try {
      assertEquals(0, new ProcessBuilder(command).inheritIO().start().waitFor());
    } catch (IOException missing) {
      assumeTrue(
          false, "neither a driver nor gcc was found, and cuDNN compiles with a driver only");
    }
    return folder;
  }
}
