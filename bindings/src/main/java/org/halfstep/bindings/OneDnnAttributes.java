package org.halfstep.bindings;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.halfstep.bindings.OneDnn.check;
import static org.halfstep.bindings.OneDnn.handle;
import static org.halfstep.bindings.OneDnn.unexpected;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * oneDNN's attributes of primitives: scratchpad, scales and zero points, and post-ops, what is done
 * with each result before it is stored. {@link OneDnn} says how its functions are bound.
 */
public final class OneDnnAttributes {
  private static final MethodHandle dnnl_primitive_attr_create =
      handle("dnnl_primitive_attr_create", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle dnnl_primitive_attr_destroy =
      handle("dnnl_primitive_attr_destroy", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle dnnl_primitive_attr_set_scratchpad_mode =
      handle(
          "dnnl_primitive_attr_set_scratchpad_mode",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle dnnl_primitive_attr_set_scales_mask =
      handle(
          "dnnl_primitive_attr_set_scales_mask",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));
  private static final MethodHandle dnnl_primitive_attr_set_zero_points_mask =
      handle(
          "dnnl_primitive_attr_set_zero_points_mask",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));
  private static final MethodHandle dnnl_primitive_attr_set_post_ops =
      handle("dnnl_primitive_attr_set_post_ops", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
  private static final MethodHandle dnnl_post_ops_create =
      handle("dnnl_post_ops_create", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle dnnl_post_ops_destroy =
      handle("dnnl_post_ops_destroy", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle dnnl_post_ops_append_sum =
      handle(
          "dnnl_post_ops_append_sum",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_FLOAT, JAVA_INT, JAVA_INT));
  private static final MethodHandle dnnl_post_ops_append_binary =
      handle(
          "dnnl_post_ops_append_binary",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, ADDRESS));
  private static final MethodHandle dnnl_post_ops_append_eltwise =
      handle(
          "dnnl_post_ops_append_eltwise",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_FLOAT, JAVA_FLOAT));

  private OneDnnAttributes() {}

  public static void dnnl_primitive_attr_create(MemorySegment attr) {
    int status;
    try {
      status = (int) dnnl_primitive_attr_create.invokeExact(attr);
    } catch (Throwable failure) {
      throw unexpected("dnnl_primitive_attr_create", failure);
    }
    check("dnnl_primitive_attr_create", status);
  }

  public static void dnnl_primitive_attr_destroy(MemorySegment attr) {
    int status;
    try {
      status = (int) dnnl_primitive_attr_destroy.invokeExact(attr);
    } catch (Throwable failure) {
      throw unexpected("dnnl_primitive_attr_destroy", failure);
    }
    check("dnnl_primitive_attr_destroy", status);
  }

  public static void dnnl_primitive_attr_set_scratchpad_mode(MemorySegment attr, int mode) {
    int status;
    try {
      status = (int) dnnl_primitive_attr_set_scratchpad_mode.invokeExact(attr, mode);
    } catch (Throwable failure) {
      throw unexpected("dnnl_primitive_attr_set_scratchpad_mode", failure);
    }
    check("dnnl_primitive_attr_set_scratchpad_mode", status);
  }

  /**
   * Scales of argument {@code arg}; {@code mask} has a bit for each dimension that they vary along.
   */
  public static void dnnl_primitive_attr_set_scales_mask(MemorySegment attr, int arg, int mask) {
    int status;
    try {
      status = (int) dnnl_primitive_attr_set_scales_mask.invokeExact(attr, arg, mask);
    } catch (Throwable failure) {
      throw unexpected("dnnl_primitive_attr_set_scales_mask", failure);
    }
    check("dnnl_primitive_attr_set_scales_mask", status);
  }

  /** Zero points of argument {@code arg}; {@code mask} as for scales. */
  public static void dnnl_primitive_attr_set_zero_points_mask(
      MemorySegment attr, int arg, int mask) {
    int status;
    try {
      status = (int) dnnl_primitive_attr_set_zero_points_mask.invokeExact(attr, arg, mask);
    } catch (Throwable failure) {
      throw unexpected("dnnl_primitive_attr_set_zero_points_mask", failure);
    }
    check("dnnl_primitive_attr_set_zero_points_mask", status);
  }

  public static void dnnl_primitive_attr_set_post_ops(MemorySegment attr, MemorySegment postOps) {
    int status;
    try {
      status = (int) dnnl_primitive_attr_set_post_ops.invokeExact(attr, postOps);
    } catch (Throwable failure) {
      throw unexpected("dnnl_primitive_attr_set_post_ops", failure);
    }
    check("dnnl_primitive_attr_set_post_ops", status);
  }

  public static void dnnl_post_ops_create(MemorySegment postOps) {
    int status;
    try {
      status = (int) dnnl_post_ops_create.invokeExact(postOps);
    } catch (Throwable failure) {
      throw unexpected("dnnl_post_ops_create", failure);
    }
    check("dnnl_post_ops_create", status);
  }

  public static void dnnl_post_ops_destroy(MemorySegment postOps) {
    int status;
    try {
      status = (int) dnnl_post_ops_destroy.invokeExact(postOps);
    } catch (Throwable failure) {
      throw unexpected("dnnl_post_ops_destroy", failure);
    }
    check("dnnl_post_ops_destroy", status);
  }

  public static void dnnl_post_ops_append_sum(
      MemorySegment postOps, float scale, int zeroPoint, int dataType) {
    int status;
    try {
      status = (int) dnnl_post_ops_append_sum.invokeExact(postOps, scale, zeroPoint, dataType);
    } catch (Throwable failure) {
      throw unexpected("dnnl_post_ops_append_sum", failure);
    }
    check("dnnl_post_ops_append_sum", status);
  }

  public static void dnnl_post_ops_append_binary(
      MemorySegment postOps, int algKind, MemorySegment src1Desc) {
    int status;
    try {
      status = (int) dnnl_post_ops_append_binary.invokeExact(postOps, algKind, src1Desc);
    } catch (Throwable failure) {
      throw unexpected("dnnl_post_ops_append_binary", failure);
    }
    check("dnnl_post_ops_append_binary", status);
  }

  public static void dnnl_post_ops_append_eltwise(
      MemorySegment postOps, int algKind, float alpha, float beta) {
    int status;
    try {
      status = (int) dnnl_post_ops_append_eltwise.invokeExact(postOps, algKind, alpha, beta);
    } catch (Throwable failure) {
      throw unexpected("dnnl_post_ops_append_eltwise", failure);
    }
    check("dnnl_post_ops_append_eltwise", status);
  }
}
