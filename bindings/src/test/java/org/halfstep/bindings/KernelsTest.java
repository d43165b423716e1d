package org.halfstep.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
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
    List<String> levels = List.of("x86-64-v2", "x86-64-v3", "x86-64-v4");
    int level = levels.indexOf(Kernels.cpu().hs_instruction_set());
    assertTrue(level >= 0, Kernels.cpu().hs_instruction_set());
    String wanted = System.getenv("HALFSTEP_ISA");
    if (wanted != null) {
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
      MemorySegment operations = arena.allocate(ValueLayout.JAVA_DOUBLE);
      Kernels.cpu().hs_set_thread_count(1);
      Kernels.hs_cpu_multiply_adds(1000, operations);
      double one = operations.get(ValueLayout.JAVA_DOUBLE, 0);
      int lanes = 4 << "234".indexOf(Kernels.cpu().hs_instruction_set().charAt(8));
      assertEquals(0, one % (2.0 * lanes * 1000), one + " for vectors of " + lanes);
      assertTrue(one > 0);
      Kernels.cpu().hs_set_thread_count(2);
      Kernels.hs_cpu_multiply_adds(1000, operations);
      assertEquals(2 * one, operations.get(ValueLayout.JAVA_DOUBLE, 0));
      assertThrows(KernelException.class, () -> Kernels.hs_cpu_multiply_adds(-1, operations));
    } finally {
      Kernels.cpu().hs_set_thread_count(before);
    }
  }

  @Test
  void aRefusedCallNamesTheFunctionAndTheReason() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x = arena.allocate(64, 4);
      KernelException refused =
          assertThrows(
              KernelException.class,
              () -> Kernels.cpu().hs_add(MemorySegment.NULL, x, x, x, 16, 7)); // no such dtype
      assertEquals("hs_add", refused.function());
      assertEquals(Kernels.HS_INVALID_ARGUMENT, refused.status());
      assertTrue(refused.getMessage().contains("invalid argument"), refused.getMessage());
    }
  }

  @Test
  void structsHaveTheSizesOfTheHeader() {
    assertEquals(184, hs_group_norm.LAYOUT.byteSize());
    assertEquals(80, hs_attention.LAYOUT.byteSize());
    assertEquals(120, hs_adam.LAYOUT.byteSize());
    assertEquals(32, hs_adam_values.LAYOUT.byteSize());
  }
}
