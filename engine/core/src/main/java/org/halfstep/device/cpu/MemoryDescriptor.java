package org.halfstep.device.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.halfstep.bindings.OneDnn;
import org.halfstep.bindings.OneDnnMemory;
import org.halfstep.device.DataType;

/** A {@code dnnl_memory_desc_t} that is destroyed when closed. */
final class MemoryDescriptor implements AutoCloseable {
  final MemorySegment handle;

  private MemoryDescriptor(MemorySegment handle) {
    this.handle = handle;
  }

  /** NHWC images; oneDNN counts dimensions in the order NCHW. */
  static MemoryDescriptor images(DataType type, long n, long h, long w, long c) {
    return strided(type, new long[] {n, c, h, w}, new long[] {h * w * c, 1, w * c, c});
  }

  /** A float32 vector. */
  static MemoryDescriptor vector(long length) {
    return strided(DataType.F32, new long[] {length}, new long[] {1});
  }

  /** Strides in elements. */
  static MemoryDescriptor strided(DataType type, long[] sizes, long[] strides) {
    return strided(oneDnnType(type), sizes, strides);
  }

  private static MemoryDescriptor strided(int type, long[] sizes, long[] strides) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment dims = arena.allocateFrom(ValueLayout.JAVA_LONG, sizes);
      MemorySegment steps = arena.allocateFrom(ValueLayout.JAVA_LONG, strides);
      return new MemoryDescriptor(
          OneDnnEngine.create(
              out ->
                  OneDnnMemory.dnnl_memory_desc_create_with_strides(
                      out, sizes.length, dims, type, steps)));
    }
  }

  /** A format left to the primitive. */
  static MemoryDescriptor any(DataType type, long... sizes) {
    return any(oneDnnType(type), sizes);
  }

  /** Signed bytes in a format left to the primitive. */
  static MemoryDescriptor anySigned(long... sizes) {
    return any(OneDnn.dnnl_s8, sizes);
  }

  /** One int32. */
  static MemoryDescriptor integer() {
    return strided(OneDnn.dnnl_s32, new long[] {1}, new long[] {1});
  }

  private static MemoryDescriptor any(int type, long... sizes) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment dims = arena.allocateFrom(ValueLayout.JAVA_LONG, sizes);
      return new MemoryDescriptor(
          OneDnnEngine.create(
              out ->
                  OneDnnMemory.dnnl_memory_desc_create_with_tag(
                      out, sizes.length, dims, type, OneDnn.dnnl_format_tag_any)));
    }
  }

  boolean same(MemorySegment other) {
    return OneDnnMemory.dnnl_memory_desc_equal(handle, other) != 0;
  }

  static int oneDnnType(DataType type) {
    return switch (type) {
      case F32, TF32 -> OneDnn.dnnl_f32;
      case BF16 -> OneDnn.dnnl_bf16;
      case U8 -> OneDnn.dnnl_u8;
      case F16, I8, I32 ->
          throw new IllegalArgumentException("oneDNN is given no numbers of type " + type);
    };
  }

  @SuppressWarnings("restricted") // a C string of unknown length
  static String text(MemorySegment text) {
    return text.reinterpret(Long.MAX_VALUE).getString(0);
  }

  @Override
  public void close() {
    OneDnnMemory.dnnl_memory_desc_destroy(handle);
  }
}
