package org.halfstep.bindings;

import static org.halfstep.bindings.KernelCalls.call;
import static org.halfstep.bindings.Kernels.HS_F32;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The library itself: its version, its threads, and how it refuses. */
class KernelsTest {
  @Test
  void tellsItsVersionAndInstructionSet() {
    assertEquals("0.2.0", Kernels.cpu().hs_version());
    if (Arrays64.ON_CUDA) {
      assertEquals("cuda-on-cpu", Kernels.cpu().hs_instruction_set());
      return;
    }
    List<String> levels = List.of("x86-64-v2", "x86-64-v3", "x86-64-v4", "x86-64-v4 with bfloat16");
    int level = levels.indexOf(Kernels.cpu().hs_instruction_set());
    assertTrue(level >= 0, Kernels.cpu().hs_instruction_set());
    String wanted = System.getenv("HALFSTEP_ISA");
    if (wanted != null && !wanted.isEmpty()) {
      assertTrue(level <= wanted.charAt(1) - '2', "asked for at most " + wanted);
    }
  }

  @Test
  void namesEveryStatus() {
    assertEquals("ok", Kernels.cpu().hs_status_string(Kernels.HS_OK));
    assertEquals("invalid argument", Kernels.cpu().hs_status_string(Kernels.HS_INVALID_ARGUMENT));
    assertEquals("unsupported", Kernels.cpu().hs_status_string(Kernels.HS_UNSUPPORTED));
    assertEquals("unknown status", Kernels.cpu().hs_status_string(99));
  }

  @Test
  void setsThreadsOfTheCallingThread() {
    int before = Kernels.cpu().hs_thread_count();
    try {
      Kernels.cpu().hs_set_thread_count(3);
      assertEquals(Arrays64.ON_CUDA ? 1 : 3, Kernels.cpu().hs_thread_count());
    } finally {
      Kernels.cpu().hs_set_thread_count(before);
    }
    assertThrows(KernelException.class, () -> Kernels.cpu().hs_set_thread_count(0));
  }

  @Test
  void countsTheMultiplyAddsOfAllThreads() {
    assumeFalse(Arrays64.ON_CUDA, "the ceiling of a processor");
    int before = Kernels.cpu().hs_thread_count();
    try (Arena arena = Arena.ofConfined()) {
      Kernels.cpu().hs_set_thread_count(1);
      double one = operations(arena);
      int lanes = 4 << "234".indexOf(Kernels.cpu().hs_instruction_set().charAt(8));
      assertEquals(0, one % (2.0 * lanes * 1000), one + " for vectors of " + lanes);
      assertTrue(one > 0);
      Kernels.cpu().hs_set_thread_count(2);
      assertEquals(2 * one, operations(arena));
      assertThrows(KernelException.class, () -> call(Kernel.CPU_MULTIPLY_ADDS, "turns").with(-1));
    } finally {
      Kernels.cpu().hs_set_thread_count(before);
    }
  }

  private static double operations(Arena arena) {
    MemorySegment operations = arena.allocate(ValueLayout.JAVA_DOUBLE);
    call(Kernel.CPU_MULTIPLY_ADDS, "turns operations").with(1000, operations);
    return operations.get(ValueLayout.JAVA_DOUBLE, 0);
  }

  @Test
  void aRefusedCallNamesTheFunctionAndTheReason() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x = arena.allocate(64, 4);
      KernelException refused =
          assertThrows(
              KernelException.class,
              () -> call(Kernel.ADD, "a b y count dtype").with(x, x, x, 16, 7)); // no such dtype
      assertEquals("hs_add", refused.function());
      assertEquals(Kernels.HS_INVALID_ARGUMENT, refused.status());
      assertTrue(refused.getMessage().contains("invalid argument"), refused.getMessage());
    }
  }

  /** A launch reads its arguments when it runs. */
  @Test
  void aLaunchRunsAsOftenAsAsked() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 2, 3);
      MemorySegment args =
          Kernel.ADD.struct().select("a b y count dtype").allocate(arena, x, x, x, 3, HS_F32);
      KernelLaunch launch = Kernels.cpu().launch(Kernel.ADD, MemorySegment.NULL, args);
      launch.run();
      launch.run();
      assertArrayEquals(new float[] {4, 8, 12}, x.toArray(ValueLayout.JAVA_FLOAT));
      Kernel.ADD.struct().select("count").set(args, 2);
      launch.run();
      assertArrayEquals(new float[] {8, 16, 12}, x.toArray(ValueLayout.JAVA_FLOAT));
    }
  }

  /** The least of many rounds: the JVM itself allocates while it compiles what is new to it. */
  @Test
  void aWarmLaunchAllocatesNothing() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long thread = Thread.currentThread().threadId();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1);
      MemorySegment args =
          Kernel.ADD.struct().select("a b y count dtype").allocate(arena, x, x, x, 1, HS_F32);
      KernelLaunch launch = Kernels.cpu().launch(Kernel.ADD, MemorySegment.NULL, args);
      long least = Long.MAX_VALUE;
      for (int round = 0; round < 500 && least > 0; round++) {
        long before = threads.getThreadAllocatedBytes(thread);
        for (int i = 0; i < 100; i++) {
          launch.run();
        }
        least = Math.min(least, threads.getThreadAllocatedBytes(thread) - before);
      }
      assertEquals(0, least);
    }
  }

  @Test
  void aLaunchRefusesArgumentsOfAnotherKernel() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment args = Kernel.POOL.struct().allocate(arena);
      assertThrows(
          IllegalArgumentException.class,
          () -> Kernels.cpu().launch(Kernel.ADD, MemorySegment.NULL, args));
      assertThrows(
          IllegalArgumentException.class,
          () -> Kernels.cpu().workspaceBytes(Kernel.POOL.struct(), args, false));
    }
  }

  /** The enum, beside the headers that the libraries are built from. */
  @Test
  void everyKernelOfTheHeadersIsHereOnce() throws IOException {
    Path include = Path.of("../native/include");
    Pattern header = Pattern.compile("^#include \"(halfstep_\\w+\\.h)\"$", Pattern.MULTILINE);
    Pattern line = Pattern.compile("^HS_LAUNCH(?:_CPU)?\\((\\w+), (\\w+)\\)$", Pattern.MULTILINE);
    Matcher headers = header.matcher(Files.readString(include.resolve("halfstep_kernels.inc")));
    List<String> listed = new ArrayList<>();
    while (headers.find()) {
      line.matcher(Files.readString(include.resolve(headers.group(1))))
          .results()
          .map(match -> match.group(1) + " " + match.group(2))
          .forEach(listed::add);
    }
    List<String> bound =
        Stream.of(Kernel.values())
            .map(kernel -> kernel.function() + " " + kernel.struct().name())
            .toList();
    assertEquals(listed, bound);
  }
}
