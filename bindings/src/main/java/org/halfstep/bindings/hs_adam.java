package org.halfstep.bindings;

import static org.halfstep.bindings.Kernels.C_DOUBLE;
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
 * Arguments of {@link Kernels#hs_adam_step}. Fields that are not set are zero, or null where they
 * are pointers; the meaning of each is in {@code native/include/halfstep.h}.
 */
public final class hs_adam {
  private hs_adam() {}

  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              C_LONG.withName("count"),
              C_LONG.withName("step"),
              C_DOUBLE.withName("lr"),
              C_DOUBLE.withName("beta1"),
              C_DOUBLE.withName("beta2"),
              C_DOUBLE.withName("eps"),
              C_DOUBLE.withName("weight_decay"),
              C_DOUBLE.withName("ema_decay"),
              C_FLOAT.withName("gradient_scale"),
              C_INT.withName("decoupled"),
              C_POINTER.withName("p"),
              C_POINTER.withName("g"),
              C_POINTER.withName("m"),
              C_POINTER.withName("v"),
              C_POINTER.withName("ema"),
              C_POINTER.withName("p_bf16"))
          .withName("hs_adam");

  private static final long count$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("count"));
  private static final long step$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("step"));
  private static final long lr$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("lr"));
  private static final long beta1$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("beta1"));
  private static final long beta2$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("beta2"));
  private static final long eps$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("eps"));
  private static final long weight_decay$OFFSET =
      LAYOUT.byteOffset(PathElement.groupElement("weight_decay"));
  private static final long ema_decay$OFFSET =
      LAYOUT.byteOffset(PathElement.groupElement("ema_decay"));
  private static final long gradient_scale$OFFSET =
      LAYOUT.byteOffset(PathElement.groupElement("gradient_scale"));
  private static final long decoupled$OFFSET =
      LAYOUT.byteOffset(PathElement.groupElement("decoupled"));
  private static final long p$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("p"));
  private static final long g$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("g"));
  private static final long m$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("m"));
  private static final long v$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("v"));
  private static final long ema$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("ema"));
  private static final long p_bf16$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("p_bf16"));

  /** A struct with every field zero. */
  public static MemorySegment allocate(SegmentAllocator allocator) {
    return allocator.allocate(LAYOUT).fill((byte) 0);
  }

  public static void count(MemorySegment struct, long value) {
    struct.set(C_LONG, count$OFFSET, value);
  }

  public static void step(MemorySegment struct, long value) {
    struct.set(C_LONG, step$OFFSET, value);
  }

  public static void lr(MemorySegment struct, double value) {
    struct.set(C_DOUBLE, lr$OFFSET, value);
  }

  public static void beta1(MemorySegment struct, double value) {
    struct.set(C_DOUBLE, beta1$OFFSET, value);
  }

  public static void beta2(MemorySegment struct, double value) {
    struct.set(C_DOUBLE, beta2$OFFSET, value);
  }

  public static void eps(MemorySegment struct, double value) {
    struct.set(C_DOUBLE, eps$OFFSET, value);
  }

  public static void weight_decay(MemorySegment struct, double value) {
    struct.set(C_DOUBLE, weight_decay$OFFSET, value);
  }

  public static void ema_decay(MemorySegment struct, double value) {
    struct.set(C_DOUBLE, ema_decay$OFFSET, value);
  }

  public static void gradient_scale(MemorySegment struct, float value) {
    struct.set(C_FLOAT, gradient_scale$OFFSET, value);
  }

  public static void decoupled(MemorySegment struct, int value) {
    struct.set(C_INT, decoupled$OFFSET, value);
  }

  public static void p(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, p$OFFSET, value);
  }

  public static void g(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, g$OFFSET, value);
  }

  public static void m(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, m$OFFSET, value);
  }

  public static void v(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, v$OFFSET, value);
  }

  public static void ema(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, ema$OFFSET, value);
  }

  public static void p_bf16(MemorySegment struct, MemorySegment value) {
    struct.set(C_POINTER, p_bf16$OFFSET, value);
  }
}
