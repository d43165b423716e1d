package org.halfstep.bindings;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;

/**
 * oneDNN's C API, as far as it is used here. Names, arguments and order are those of {@code dnnl.h}
 * (oneDNN 3.x); a pointer that C calls an output is a segment of one address.
 *
 * <p>Functions that return a status in C return nothing here and throw {@link OneDnnException} when
 * it is not success. {@link NativeLibrary#ONEDNN} should be loaded first: this class needs it when
 * it is initialised, and an error there would come wrapped.
 */
@SuppressWarnings("restricted") // binding C functions is what this class is for
public final class OneDnn {
  private OneDnn() {}

  public static final int dnnl_success = 0;
  public static final int dnnl_cpu = 1;
  public static final int dnnl_stream_in_order = 1;
  public static final int dnnl_f32 = 3;
  public static final int dnnl_bf16 = 2;
  public static final int dnnl_s32 = 4;
  public static final int dnnl_s8 = 5;
  public static final int dnnl_u8 = 6;
  public static final int dnnl_format_tag_any = 1;
  public static final int dnnl_forward_training = 64;
  public static final int dnnl_forward_inference = 96;
  public static final int dnnl_convolution_direct = 1;
  public static final int dnnl_eltwise_relu = 32;
  public static final int dnnl_binary_add = 131056;
  public static final int dnnl_scratchpad_mode_user = 1;
  public static final int dnnl_query_impl_info_str = 8;
  public static final int dnnl_query_src_md = 129;
  public static final int dnnl_query_diff_src_md = 130;
  public static final int dnnl_query_weights_md = 131;
  public static final int dnnl_query_diff_weights_md = 132;
  public static final int dnnl_query_dst_md = 133;
  public static final int dnnl_query_diff_dst_md = 134;
  public static final int dnnl_query_scratchpad_md = 136;
  public static final int DNNL_ARG_SRC = 1;
  public static final int DNNL_ARG_SRC_1 = 2;
  public static final int DNNL_ARG_DST = 17;
  public static final int DNNL_ARG_WEIGHTS = 33;
  public static final int DNNL_ARG_BIAS = 41;
  public static final int DNNL_ARG_SCRATCHPAD = 80;
  public static final int DNNL_ARG_DIFF_SRC = 129;
  public static final int DNNL_ARG_DIFF_DST = 145;
  public static final int DNNL_ARG_DIFF_WEIGHTS = 161;
  public static final int DNNL_ARG_DIFF_BIAS = 169;
  public static final int DNNL_ARG_ATTR_SCALES = 4096;
  public static final int DNNL_ARG_ATTR_ZERO_POINTS = 8192;
  public static final int DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE = 32768;
  public static final int dnnl_cpu_isa_avx2_vnni = 0xf;
  public static final int dnnl_cpu_isa_avx512_core_vnni = 0x67;
  public static final int dnnl_cpu_isa_avx512_core_bf16 = 0xe7;
  public static final int dnnl_cpu_isa_avx512_core_amx = 0xfef;

  /** One argument of {@link #dnnl_primitive_execute}. */
  public static final StructLayout dnnl_exec_arg_t =
      MemoryLayout.structLayout(
          JAVA_INT.withName("arg"), MemoryLayout.paddingLayout(4), ADDRESS.withName("memory"));

  public static final StructLayout dnnl_version_t =
      MemoryLayout.structLayout(
          JAVA_INT.withName("major"),
          JAVA_INT.withName("minor"),
          JAVA_INT.withName("patch"),
          MemoryLayout.paddingLayout(4),
          ADDRESS.withName("hash"),
          JAVA_INT.withName("cpu_runtime"),
          JAVA_INT.withName("gpu_runtime"));

  private static final MethodHandle dnnl_version =
      handle("dnnl_version", FunctionDescriptor.of(ADDRESS));
  private static final MethodHandle dnnl_get_effective_cpu_isa =
      handle("dnnl_get_effective_cpu_isa", FunctionDescriptor.of(JAVA_INT));
  private static final MethodHandle dnnl_engine_create =
      handle("dnnl_engine_create", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_LONG));
  private static final MethodHandle dnnl_engine_destroy =
      handle("dnnl_engine_destroy", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle dnnl_stream_create =
      handle("dnnl_stream_create", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_INT));
  private static final MethodHandle dnnl_stream_destroy =
      handle("dnnl_stream_destroy", FunctionDescriptor.of(JAVA_INT, ADDRESS));
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

  static {
    LoadedImage.giveBackTables(NativeLibrary.ONEDNN.address("dnnl_primitive_execute"));
  }

  /** The C macro: the argument of the {@code index}-th post-op, to be or-ed with another one. */
  public static int DNNL_ARG_ATTR_MULTIPLE_POST_OP(int index) {
    return DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE * (index + 1);
  }

  /** The library's version, a {@link #dnnl_version_t} that lives as long as the process. */
  public static MemorySegment dnnl_version() {
    try {
      MemorySegment version = (MemorySegment) dnnl_version.invokeExact();
      return version.reinterpret(dnnl_version_t.byteSize());
    } catch (Throwable failure) {
      throw unexpected("dnnl_version", failure);
    }
  }

  // ---- Library

  /** The instruction set that the library generates code for: a set of bits. */
  public static int dnnl_get_effective_cpu_isa() {
    try {
      return (int) dnnl_get_effective_cpu_isa.invokeExact();
    } catch (Throwable failure) {
      throw unexpected("dnnl_get_effective_cpu_isa", failure);
    }
  }

  // ---- Engine and stream

  public static void dnnl_engine_create(MemorySegment engine, int kind, long index) {
    int status;
    try {
      status = (int) dnnl_engine_create.invokeExact(engine, kind, index);
    } catch (Throwable failure) {
      throw unexpected("dnnl_engine_create", failure);
    }
    check("dnnl_engine_create", status);
  }

  public static void dnnl_engine_destroy(MemorySegment engine) {
    int status;
    try {
      status = (int) dnnl_engine_destroy.invokeExact(engine);
    } catch (Throwable failure) {
      throw unexpected("dnnl_engine_destroy", failure);
    }
    check("dnnl_engine_destroy", status);
  }

  public static void dnnl_stream_create(MemorySegment stream, MemorySegment engine, int flags) {
    int status;
    try {
      status = (int) dnnl_stream_create.invokeExact(stream, engine, flags);
    } catch (Throwable failure) {
      throw unexpected("dnnl_stream_create", failure);
    }
    check("dnnl_stream_create", status);
  }

  public static void dnnl_stream_destroy(MemorySegment stream) {
    int status;
    try {
      status = (int) dnnl_stream_destroy.invokeExact(stream);
    } catch (Throwable failure) {
      throw unexpected("dnnl_stream_destroy", failure);
    }
    check("dnnl_stream_destroy", status);
  }

  // ---- Memory

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

  // ---- Attributes

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

  // ---- Primitive descriptors

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

  // ---- Primitives

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
   * #dnnl_exec_arg_t}.
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

  private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
    return NativeLibrary.ONEDNN.function(name, descriptor);
  }

  private static void check(String function, int status) {
    if (status != dnnl_success) {
      throw new OneDnnException(function, status);
    }
  }

  private static RuntimeException unexpected(String function, Throwable failure) {
    if (failure instanceof Error error) {
      throw error;
    }
    return new IllegalStateException(function + " could not be called: " + failure, failure);
  }
}
