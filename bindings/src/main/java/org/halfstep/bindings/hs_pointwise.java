package org.halfstep.bindings;

import static org.halfstep.bindings.Kernels.C_INT;
import static org.halfstep.bindings.Kernels.C_LONG;
import static org.halfstep.bindings.Kernels.C_POINTER;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.StructLayout;

/**
 * Arguments of {@link Kernels#hs_pointwise_forward} and {@link Kernels#hs_pointwise_gradient}.
 * Fields that are not set are zero, or null where they are pointers; the meaning of each is in
 * {@code native/include/halfstep.h}.
 */
public final class hs_pointwise {
  private hs_pointwise() {}

  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              C_LONG.withName("n"),
              C_LONG.withName("hw"),
              C_LONG.withName("in0"),
              C_LONG.withName("in1"),
              C_LONG.withName("out"),
              C_POINTER.withName("x0"),
              C_POINTER.withName("x1"),
              C_POINTER.withName("table"),
              C_POINTER.withName("packed"),
              C_POINTER.withName("bias"),
              C_POINTER.withName("residual"),
              C_POINTER.withName("y"),
              C_POINTER.withName("moments"),
              C_POINTER.withName("dy"),
              C_POINTER.withName("dweight"),
              C_LONG.withName("stride"),
              C_POINTER.withName("dbias"),
              C_POINTER.withName("workspace"),
              C_INT.withName("silu"),
              MemoryLayout.paddingLayout(4))
          .withName("hs_pointwise");

  private static final long n$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("n"));
  private static final long hw$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("hw"));
  private static final long in0$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("in0"));
  private static final long in1$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("in1"));
  private static final long out$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("out"));
  private static final long x0$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("x0"));
  private static final long x1$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("x1"));
  private static final long table$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("table"));
  private static final long packed$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("packed"));
  private static final long bias$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("bias"));
  private static final long residual$OFFSET =
      LAYOUT.byteOffset(PathElement.groupElement("residual"));
  private static final long y$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("y"));
  private static final long moments$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("moments"));
  private static final long dy$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("dy"));
  private static final long dweight$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("dweight"));
  private static final long stride$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("stride"));
  private static final long dbias$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("dbias"));
  private static final long workspace$OFFSET =
      LAYOUT.byteOffset(PathElement.groupElement("workspace"));
  private static final long silu$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("silu"));

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

  public static void in0(MemorySegment struct, long value) {
    struct.set(C_LONG, in0$OFFSET, value);
  }

  public static void in1(MemorySegment struct, long value) {
    struct.set(C_LONG, in1$OFFSET, value);
  }

  public static void out(MemorySegment struct, long value) {
    struct.set(C_LONG, out$OFFSET, value);
  }

  public static void x0(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, x0$OFFSET, value);
  }

  public static void x1(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, x1$OFFSET, value);
  }

  public static void table(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, table$OFFSET, value);
  }

  public static void packed(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, packed$OFFSET, value);
  }

  public static void bias(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, bias$OFFSET, value);
  }

  public static void residual(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, residual$OFFSET, value);
  }

  public static void y(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, y$OFFSET, value);
  }

  public static void moments(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, moments$OFFSET, value);
  }

  public static void dy(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, dy$OFFSET, value);
  }

  public static void dweight(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, dweight$OFFSET, value);
  }

  public static void stride(MemorySegment struct, long value) {
    struct.set(C_LONG, stride$OFFSET, value);
  }

  public static void dbias(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, dbias$OFFSET, value);
  }

  public static void workspace(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, workspace$OFFSET, value);
  }

  public static void silu(MemorySegment struct, int value) {
    struct.set(C_INT, silu$OFFSET, value);
  }
}
