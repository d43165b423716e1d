package org.halfstep.bindings;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.halfstep.bindings.OneDnn.check;
import static org.halfstep.bindings.OneDnn.handle;
import static org.halfstep.bindings.OneDnn.unexpected;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * oneDNN's primitives: descriptors of convolutions and reorders, what can be asked of them, and the
 * primitives made from them. {@link OneDnn} says how its functions are bound.
 */
public final class OneDnnPrimitives {
  private static final MethodHandle dnnl_convolution_forward_primitive_desc_create =
      handle(
          "dnnl_convolution_forward_primitive_desc_create",
          FunctionDescriptor.of(
              JAVA_INT, ADDRESS, ADDRESS, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS,
              ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS));
  private static final MethodHandle dnnl_convolution_backward_data_primitive_desc_create =
      handle(
          "dnnl_convolution_backward_data_primitive_desc_create",
          FunctionDescriptor.of(
              JAVA_INT, ADDRESS, ADDRESS, JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS,
              ADDRESS, ADDRESS, ADDRESS, ADDRESS));
  private static final MethodHandle dnnl_convolution_backward_weights_primitive_desc_create =
      handle(
          "dnnl_convolution_backward_weights_primitive_desc_create",
          FunctionDescriptor.of(
              JAVA_INT, ADDRESS, ADDRESS, JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS,
              ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS));
  private static final MethodHandle dnnl_reorder_primitive_desc_create =
      handle(
          "dnnl_reorder_primitive_desc_create",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS));
  private static final MethodHandle dnnl_primitive_desc_query =
      handle(
          "dnnl_primitive_desc_query",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, ADDRESS));
  private static final MethodHandle dnnl_primitive_desc_query_md =
      handle(
          "dnnl_primitive_desc_query_md",
          FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT, JAVA_INT));
  private static final MethodHandle dnnl_primitive_desc_destroy =
      handle("dnnl_primitive_desc_destroy", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle dnnl_primitive_create =
      handle("dnnl_primitive_create", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
  private static final MethodHandle dnnl_primitive_execute =
      handle(
          "dnnl_primitive_execute",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_INT, ADDRESS));
  private static final MethodHandle dnnl_primitive_destroy =
      handle("dnnl_primitive_destroy", FunctionDescriptor.of(JAVA_INT, ADDRESS));

  private OneDnnPrimitives() {}

  public static void dnnl_convolution_forward_primitive_desc_create(
      MemorySegment primitiveDesc,
      MemorySegment engine,
      int propKind,
      int algKind,
      MemorySegment srcDesc,
      MemorySegment weightsDesc,
      MemorySegment biasDesc,
      MemorySegment dstDesc,
      MemorySegment strides,
      MemorySegment dilates,
      MemorySegment paddingL,
      MemorySegment paddingR,
      MemorySegment attr) {
    int status;
    try {
      status =
          (int)
              dnnl_convolution_forward_primitive_desc_create.invokeExact(
                  primitiveDesc,
                  engine,
                  propKind,
                  algKind,
                  srcDesc,
                  weightsDesc,
                  biasDesc,
                  dstDesc,
                  strides,
                  dilates,
                  paddingL,
                  paddingR,
                  attr);
    } catch (Throwable failure) {
      throw unexpected("dnnl_convolution_forward_primitive_desc_create", failure);
    }
    check("dnnl_convolution_forward_primitive_desc_create", status);
  }

  public static void dnnl_convolution_backward_data_primitive_desc_create(
      MemorySegment primitiveDesc,
      MemorySegment engine,
      int algKind,
      MemorySegment diffSrcDesc,
      MemorySegment weightsDesc,
      MemorySegment diffDstDesc,
      MemorySegment strides,
      MemorySegment dilates,
      MemorySegment paddingL,
      MemorySegment paddingR,
      MemorySegment hintFwdPd,
      MemorySegment attr) {
    int status;
    try {
      status =
          (int)
              dnnl_convolution_backward_data_primitive_desc_create.invokeExact(
                  primitiveDesc,
                  engine,
                  algKind,
                  diffSrcDesc,
                  weightsDesc,
                  diffDstDesc,
                  strides,
                  dilates,
                  paddingL,
                  paddingR,
                  hintFwdPd,
                  attr);
    } catch (Throwable failure) {
      throw unexpected("dnnl_convolution_backward_data_primitive_desc_create", failure);
    }
    check("dnnl_convolution_backward_data_primitive_desc_create", status);
  }

  public static void dnnl_convolution_backward_weights_primitive_desc_create(
      MemorySegment primitiveDesc,
      MemorySegment engine,
      int algKind,
      MemorySegment srcDesc,
      MemorySegment diffWeightsDesc,
      MemorySegment diffBiasDesc,
      MemorySegment diffDstDesc,
      MemorySegment strides,
      MemorySegment dilates,
      MemorySegment paddingL,
      MemorySegment paddingR,
      MemorySegment hintFwdPd,
      MemorySegment attr) {
    int status;
    try {
      status =
          (int)
              dnnl_convolution_backward_weights_primitive_desc_create.invokeExact(
                  primitiveDesc,
                  engine,
                  algKind,
                  srcDesc,
                  diffWeightsDesc,
                  diffBiasDesc,
                  diffDstDesc,
                  strides,
                  dilates,
                  paddingL,
                  paddingR,
                  hintFwdPd,
                  attr);
    } catch (Throwable failure) {
      throw unexpected("dnnl_convolution_backward_weights_primitive_desc_create", failure);
    }
    check("dnnl_convolution_backward_weights_primitive_desc_create", status);
  }

  public static void dnnl_reorder_primitive_desc_create(
      MemorySegment reorderPrimitiveDesc,
      MemorySegment srcDesc,
      MemorySegment srcEngine,
      MemorySegment dstDesc,
      MemorySegment dstEngine,
      MemorySegment attr) {
    int status;
    try {
      status =
          (int)
              dnnl_reorder_primitive_desc_create.invokeExact(
                  reorderPrimitiveDesc, srcDesc, srcEngine, dstDesc, dstEngine, attr);
    } catch (Throwable failure) {
      throw unexpected("dnnl_reorder_primitive_desc_create", failure);
    }
    check("dnnl_reorder_primitive_desc_create", status);
  }

  public static void dnnl_primitive_desc_query(
      MemorySegment primitiveDesc, int what, int index, MemorySegment result) {
    int status;
    try {
      status = (int) dnnl_primitive_desc_query.invokeExact(primitiveDesc, what, index, result);
    } catch (Throwable failure) {
      throw unexpected("dnnl_primitive_desc_query", failure);
    }
    check("dnnl_primitive_desc_query", status);
  }

  /** Owned by the primitive descriptor; NULL when it has no such memory. */
  public static MemorySegment dnnl_primitive_desc_query_md(
      MemorySegment primitiveDesc, int what, int index) {
    try {
      return (MemorySegment) dnnl_primitive_desc_query_md.invokeExact(primitiveDesc, what, index);
    } catch (Throwable failure) {
      throw unexpected("dnnl_primitive_desc_query_md", failure);
    }
  }

  public static void dnnl_primitive_desc_destroy(MemorySegment primitiveDesc) {
    int status;
    try {
      status = (int) dnnl_primitive_desc_destroy.invokeExact(primitiveDesc);
    } catch (Throwable failure) {
      throw unexpected("dnnl_primitive_desc_destroy", failure);
    }
    check("dnnl_primitive_desc_destroy", status);
  }

  public static void dnnl_primitive_create(MemorySegment primitive, MemorySegment primitiveDesc) {
    int status;
    try {
      status = (int) dnnl_primitive_create.invokeExact(primitive, primitiveDesc);
    } catch (Throwable failure) {
      throw unexpected("dnnl_primitive_create", failure);
    }
    check("dnnl_primitive_create", status);
  }

  /**
   * Computes before it returns on a CPU; allocates nothing. {@code args} are {@link
   * OneDnn#dnnl_exec_arg_t}.
   */
  public static void dnnl_primitive_execute(
      MemorySegment primitive, MemorySegment stream, int nargs, MemorySegment args) {
    int status;
    try {
      status = (int) dnnl_primitive_execute.invokeExact(primitive, stream, nargs, args);
    } catch (Throwable failure) {
      throw unexpected("dnnl_primitive_execute", failure);
    }
    check("dnnl_primitive_execute", status);
  }

  public static void dnnl_primitive_destroy(MemorySegment primitive) {
    int status;
    try {
      status = (int) dnnl_primitive_destroy.invokeExact(primitive);
    } catch (Throwable failure) {
      throw unexpected("dnnl_primitive_destroy", failure);
    }
    check("dnnl_primitive_destroy", status);
  }
}
