package org.halfstep.bindings;

import static org.halfstep.bindings.Kernels.C_FLOAT;
import static org.halfstep.bindings.Kernels.C_INT;
import static org.halfstep.bindings.Kernels.C_LONG;
import static org.halfstep.bindings.Kernels.C_POINTER;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.StructLayout;

/**
 * Arguments of {@link Kernels#hs_group_norm_forward} and {@link Kernels#hs_group_norm_backward}.
 * Fields that are not set are zero, or null where they are pointers; the meaning of each is in
 * {@code native/include/halfstep.h}.
 */
public final class hs_group_norm {
  private hs_group_norm() {}

  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              C_LONG.withName("n"),
              C_LONG.withName("hw"),
              C_LONG.withName("c0"),
              C_LONG.withName("c1"),
              C_INT.withName("groups"),
              C_INT.withName("silu"),
              C_INT.withName("dtype"),
              C_FLOAT.withName("eps"),
              C_POINTER.withName("x0"),
              C_POINTER.withName("x1"),
              C_POINTER.withName("weight"),
              C_POINTER.withName("bias"),
              C_POINTER.withName("modulation"),
              C_LONG.withName("modulation_stride"),
              C_POINTER.withName("y"),
              C_POINTER.withName("stats"),
              C_POINTER.withName("dy"),
              C_POINTER.withName("dx0"),
              C_POINTER.withName("dx1"),
              C_INT.withName("accumulate0"),
              C_INT.withName("accumulate1"),
              C_POINTER.withName("dweight"),
              C_POINTER.withName("dbias"),
              C_POINTER.withName("dmodulation"),
              C_LONG.withName("dmodulation_stride"),
              C_POINTER.withName("workspace"))
          .withName("hs_group_norm");

  private static final long n$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("n"));
  private static final long hw$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("hw"));
  private static final long c0$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("c0"));
  private static final long c1$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("c1"));
  private static final long groups$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("groups"));
  private static final long silu$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("silu"));
  private static final long dtype$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("dtype"));
  private static final long eps$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("eps"));
  private static final long x0$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("x0"));
  private static final long x1$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("x1"));
  private static final long weight$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("weight"));
  private static final long bias$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("bias"));
  private static final long modulation$OFFSET =
      LAYOUT.byteOffset(PathElement.groupElement("modulation"));
  private static final long modulation_stride$OFFSET =
      LAYOUT.byteOffset(PathElement.groupElement("modulation_stride"));
  private static final long y$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("y"));
  private static final long stats$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("stats"));
  private static final long dy$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("dy"));
  private static final long dx0$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("dx0"));
  private static final long dx1$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("dx1"));
  private static final long accumulate0$OFFSET =
      LAYOUT.byteOffset(PathElement.groupElement("accumulate0"));
  private static final long accumulate1$OFFSET =
      LAYOUT.byteOffset(PathElement.groupElement("accumulate1"));
  private static final long dweight$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("dweight"));
  private static final long dbias$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("dbias"));
  private static final long dmodulation$OFFSET =
      LAYOUT.byteOffset(PathElement.groupElement("dmodulation"));
  private static final long dmodulation_stride$OFFSET =
      LAYOUT.byteOffset(PathElement.groupElement("dmodulation_stride"));
  private static final long workspace$OFFSET =
      LAYOUT.byteOffset(PathElement.groupElement("workspace"));

  /** A struct with every field zero. */
  public static MemorySegment allocate(SegmentAllocator allocator) {
    return allocator.allocate(LAYOUT).fill((byte) 0);
  }

  public static void n(MemorySegment struct, long value) {
    struct.set(C_LONG, n$OFFSET, value);
  }

  public static void hw(MemorySegment struct, long value) {
    struct.set(C_LONG, hw$OFFSET, value);
  }

  public static void c0(MemorySegment struct, long value) {
    struct.set(C_LONG, c0$OFFSET, value);
  }

  public static void c1(MemorySegment struct, long value) {
    struct.set(C_LONG, c1$OFFSET, value);
  }

  public static void groups(MemorySegment struct, int value) {
    struct.set(C_INT, groups$OFFSET, value);
  }

  public static void silu(MemorySegment struct, int value) {
    struct.set(C_INT, silu$OFFSET, value);
  }

  public static void dtype(MemorySegment struct, int value) {
    struct.set(C_INT, dtype$OFFSET, value);
  }

  public static void eps(MemorySegment struct, float value) {
    struct.set(C_FLOAT, eps$OFFSET, value);
  }

  public static void x0(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, x0$OFFSET, value);
  }

  public static void x1(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, x1$OFFSET, value);
  }

  public static void weight(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, weight$OFFSET, value);
  }

  public static void bias(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, bias$OFFSET, value);
  }

  public static void modulation(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, modulation$OFFSET, value);
  }

  public static void modulation_stride(MemorySegment struct, long value) {
    struct.set(C_LONG, modulation_stride$OFFSET, value);
  }

  public static void y(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, y$OFFSET, value);
  }

  public static void stats(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, stats$OFFSET, value);
  }

  public static void dy(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, dy$OFFSET, value);
  }

  public static void dx0(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, dx0$OFFSET, value);
  }

  public static void dx1(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, dx1$OFFSET, value);
  }

  public static void accumulate0(MemorySegment struct, int value) {
    struct.set(C_INT, accumulate0$OFFSET, value);
  }

  public static void accumulate1(MemorySegment struct, int value) {
    struct.set(C_INT, accumulate1$OFFSET, value);
  }

  public static void dweight(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, dweight$OFFSET, value);
  }

  public static void dbias(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, dbias$OFFSET, value);
  }

  public static void dmodulation(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, dmodulation$OFFSET, value);
  }

  public static void dmodulation_stride(MemorySegment struct, long value) {
    struct.set(C_LONG, dmodulation_stride$OFFSET, value);
  }

  public static void workspace(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, workspace$OFFSET, value);
  }
}
