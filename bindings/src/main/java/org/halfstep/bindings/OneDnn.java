package org.halfstep.bindings;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;

/**
 * oneDNN's C API, as far as it is used here: constants, structs, library, engine and stream; {@link
 * OneDnnMemory}, {@link OneDnnAttributes} and {@link OneDnnPrimitives} have the rest. Names,
 * arguments and order are those of {@code dnnl.h} (oneDNN 3.x); a pointer that C calls an output is
 * a segment of one address.
 *
 * <p>Functions that return a status in C return nothing here and throw {@link OneDnnException} when
 * it is not success. {@link NativeLibrary#ONEDNN} should be loaded first: these classes need it
 * when they are initialised, and an error there would come wrapped.
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
  public static final int dnnl_eltwise_gelu_tanh = 43;
  public static final int dnnl_eltwise_swish = 44;
  public static final int dnnl_eltwise_gelu_erf = 49;
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

  /** One argument of {@link OneDnnPrimitives#dnnl_primitive_execute}. */
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

  static {
    LoadedImage.giveBackTables(NativeLibrary.ONEDNN.address("dnnl_primitive_execute"));
  }

  /** The C macro: the argument of the {@code index}-th post-op, to be or-ed with another one. */
  public static int DNNL_ARG_ATTR_MULTIPLE_POST_OP(int index) {
    return DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE * (index + 1);
  }

  // ---- Library

  /** The library's version, a {@link #dnnl_version_t} that lives as long as the process. */
  public static MemorySegment dnnl_version() {
    try {
      MemorySegment version = (MemorySegment) dnnl_version.invokeExact();
      return version.reinterpret(dnnl_version_t.byteSize());
    } catch (Throwable failure) {
      throw unexpected("dnnl_version", failure);
    }
  }

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

  static MethodHandle handle(String name, FunctionDescriptor descriptor) {
    return NativeLibrary.ONEDNN.function(name, descriptor);
  }

  static void check(String function, int status) {
    if (status != dnnl_success) {
      throw new OneDnnException(function, status);
    }
  }

  static RuntimeException unexpected(String function, Throwable failure) {
    if (failure instanceof Error error) {
      throw error;
    }
    return new IllegalStateException(function + " could not be called: " + failure, failure);
  }
}
