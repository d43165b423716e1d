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
 * Arguments of {@link Kernels#hs_attention_forward} and {@link Kernels#hs_attention_backward}.
 * Fields that are not set are zero, or null where they are pointers; the meaning of each is in
 * {@code native/include/halfstep.h}.
 */
public final class hs_attention {
  private hs_attention() {}

  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              C_LONG.withName("n"),
              C_LONG.withName("t"),
              C_INT.withName("heads"),
              C_INT.withName("d"),
              C_INT.withName("order"),
              C_INT.withName("dtype"),
              C_POINTER.withName("qkv"),
              C_POINTER.withName("y"),
              C_POINTER.withName("logsumexp"),
              C_POINTER.withName("dy"),
              C_POINTER.withName("dqkv"),
              C_POINTER.withName("workspace"))
          .withName("hs_attention");

  private static final long n$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("n"));
  private static final long t$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("t"));
  private static final long heads$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("heads"));
  private static final long d$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("d"));
  private static final long order$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("order"));
  private static final long dtype$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("dtype"));
  private static final long qkv$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("qkv"));
  private static final long y$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("y"));
  private static final long logsumexp$OFFSET =
      LAYOUT.byteOffset(PathElement.groupElement("logsumexp"));
  private static final long dy$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("dy"));
  private static final long dqkv$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("dqkv"));
  private static final long workspace$OFFSET =
      LAYOUT.byteOffset(PathElement.groupElement("workspace"));

  /** A struct with every field zero. */
  public static MemorySegment allocate(SegmentAllocator allocator) {
    return allocator.allocate(LAYOUT).fill((byte) 0);
  }

  public static void n(MemorySegment struct, long value) {
    struct.set(C_LONG, n$OFFSET, value);
  }

  public static void t(MemorySegment struct, long value) {
    struct.set(C_LONG, t$OFFSET, value);
  }

  public static void heads(MemorySegment struct, int value) {
    struct.set(C_INT, heads$OFFSET, value);
  }

  public static void d(MemorySegment struct, int value) {
    struct.set(C_INT, d$OFFSET, value);
  }

  public static void order(MemorySegment struct, int value) {
    struct.set(C_INT, order$OFFSET, value);
  }

  public static void dtype(MemorySegment struct, int value) {
    struct.set(C_INT, dtype$OFFSET, value);
  }

  public static void qkv(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, qkv$OFFSET, value);
  }

  public static void y(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, y$OFFSET, value);
  }

  public static void logsumexp(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, logsumexp$OFFSET, value);
  }

  public static void dy(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, dy$OFFSET, value);
  }

  public static void dqkv(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, dqkv$OFFSET, value);
  }

  public static void workspace(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, workspace$OFFSET, value);
  }
}
