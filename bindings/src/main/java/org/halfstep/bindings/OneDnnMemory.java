package org.halfstep.bindings;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.halfstep.bindings.OneDnn.check;
import static org.halfstep.bindings.OneDnn.handle;
import static org.halfstep.bindings.OneDnn.unexpected;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * oneDNN's memory: descriptors, which say shape, type and format, and memory objects, which add an
 * address. {@link OneDnn} says how its functions are bound.
 */
public final class OneDnnMemory {
  private static final MethodHandle dnnl_memory_desc_create_with_strides =
      handle(
          "dnnl_memory_desc_create_with_strides",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS));
  private static final MethodHandle dnnl_memory_desc_create_with_tag =
      handle(
          "dnnl_memory_desc_create_with_tag",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));
  private static final MethodHandle dnnl_memory_desc_clone =
      handle("dnnl_memory_desc_clone", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
  private static final MethodHandle dnnl_memory_desc_destroy =
      handle("dnnl_memory_desc_destroy", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle dnnl_memory_desc_get_size =
      handle("dnnl_memory_desc_get_size", FunctionDescriptor.of(JAVA_LONG, ADDRESS));
  private static final MethodHandle dnnl_memory_desc_equal =
      handle("dnnl_memory_desc_equal", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
  private static final MethodHandle dnnl_memory_create =
      handle(
          "dnnl_memory_create",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS));
  private static final MethodHandle dnnl_memory_destroy =
      handle("dnnl_memory_destroy", FunctionDescriptor.of(JAVA_INT, ADDRESS));

  private OneDnnMemory() {}

  /** Strides are in elements. */
  public static void dnnl_memory_desc_create_with_strides(
      MemorySegment memoryDesc,
      int ndims,
      MemorySegment dims,
      int dataType,
      MemorySegment strides) {
    int status;
    try {
      status =
          (int)
              dnnl_memory_desc_create_with_strides.invokeExact(
                  memoryDesc, ndims, dims, dataType, strides);
    } catch (Throwable failure) {
      throw unexpected("dnnl_memory_desc_create_with_strides", failure);
    }
    check("dnnl_memory_desc_create_with_strides", status);
  }

  public static void dnnl_memory_desc_create_with_tag(
      MemorySegment memoryDesc, int ndims, MemorySegment dims, int dataType, int tag) {
    int status;
    try {
      status =
          (int)
              dnnl_memory_desc_create_with_tag.invokeExact(memoryDesc, ndims, dims, dataType, tag);
    } catch (Throwable failure) {
      throw unexpected("dnnl_memory_desc_create_with_tag", failure);
    }
    check("dnnl_memory_desc_create_with_tag", status);
  }

  public static void dnnl_memory_desc_clone(MemorySegment memoryDesc, MemorySegment existing) {
    int status;
    try {
      status = (int) dnnl_memory_desc_clone.invokeExact(memoryDesc, existing);
    } catch (Throwable failure) {
      throw unexpected("dnnl_memory_desc_clone", failure);
    }
    check("dnnl_memory_desc_clone", status);
  }

  public static void dnnl_memory_desc_destroy(MemorySegment memoryDesc) {
    int status;
    try {
      status = (int) dnnl_memory_desc_destroy.invokeExact(memoryDesc);
    } catch (Throwable failure) {
      throw unexpected("dnnl_memory_desc_destroy", failure);
    }
    check("dnnl_memory_desc_destroy", status);
  }

  /** Bytes, with the format's padding. */
  public static long dnnl_memory_desc_get_size(MemorySegment memoryDesc) {
    try {
      return (long) dnnl_memory_desc_get_size.invokeExact(memoryDesc);
    } catch (Throwable failure) {
      throw unexpected("dnnl_memory_desc_get_size", failure);
    }
  }

  /** 1 when equal, else 0. */
  public static int dnnl_memory_desc_equal(MemorySegment lhs, MemorySegment rhs) {
    try {
      return (int) dnnl_memory_desc_equal.invokeExact(lhs, rhs);
    } catch (Throwable failure) {
      throw unexpected("dnnl_memory_desc_equal", failure);
    }
  }

  public static void dnnl_memory_create(
      MemorySegment memory, MemorySegment memoryDesc, MemorySegment engine, MemorySegment handle) {
    int status;
    try {
      status = (int) dnnl_memory_create.invokeExact(memory, memoryDesc, engine, handle);
    } catch (Throwable failure) {
      throw unexpected("dnnl_memory_create", failure);
    }
    check("dnnl_memory_create", status);
  }

  public static void dnnl_memory_destroy(MemorySegment memory) {
    int status;
    try {
      status = (int) dnnl_memory_destroy.invokeExact(memory);
    } catch (Throwable failure) {
      throw unexpected("dnnl_memory_destroy", failure);
    }
    check("dnnl_memory_destroy", status);
  }
}
