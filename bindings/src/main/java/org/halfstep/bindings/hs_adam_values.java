package org.halfstep.bindings;

import static org.halfstep.bindings.Kernels.C_DOUBLE;
import static org.halfstep.bindings.Kernels.C_LONG;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;

/**
 * What {@link Kernels#hs_adam_step_from} reads when it runs; the meaning of each field is in {@code
 * native/include/halfstep.h}.
 */
public final class hs_adam_values {
  private hs_adam_values() {}

  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              C_LONG.withName("step"),
              C_DOUBLE.withName("lr"),
              C_DOUBLE.withName("ema_decay"),
              C_DOUBLE.withName("clip_norm"))
          .withName("hs_adam_values");

  private static final long step$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("step"));
  private static final long lr$OFFSET = LAYOUT.byteOffset(PathElement.groupElement("lr"));
  private static final long ema_decay$OFFSET =
      LAYOUT.byteOffset(PathElement.groupElement("ema_decay"));
  private static final long clip_norm$OFFSET =
      LAYOUT.byteOffset(PathElement.groupElement("clip_norm"));

  public static void step(MemorySegment struct, long value) {
    struct.set(C_LONG, step$OFFSET, value);
  }

  public static void lr(MemorySegment struct, double value) {
    struct.set(C_DOUBLE, lr$OFFSET, value);
  }

  public static void ema_decay(MemorySegment struct, double value) {
    struct.set(C_DOUBLE, ema_decay$OFFSET, value);
  }

  public static void clip_norm(MemorySegment struct, double value) {
    struct.set(C_DOUBLE, clip_norm$OFFSET, value);
  }
}
