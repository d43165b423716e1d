package org.halfstep.bindings;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * The kernels of {@code native/include/halfstep.h}: one instance per library that has them, since
 * the CPU's and the GPU's are needed at once. Names, arguments and order are those of the header,
 * which says what each computes; images are NHWC, and a stream is {@link MemorySegment#NULL} on the
 * CPU.
 *
 * <p>Functions that return a status in C return nothing here and throw {@link KernelException} when
 * it is not {@link #HS_OK}. Nothing is allocated by a call: pass segments that live as long as the
 * data. A handle knows the shape of a call and takes the function's address as its first argument:
 * so handles are constants to the compiler, whichever library a call goes to. {@link
 * NativeLibrary#KERNELS} should be loaded before {@link #cpu} is called: an error there would come
 * wrapped.
 */
@SuppressWarnings("restricted") // binding C functions is what this class is for
public final class Kernels {
  static final ValueLayout.OfInt C_INT = ValueLayout.JAVA_INT;
  static final ValueLayout.OfLong C_LONG = ValueLayout.JAVA_LONG;
  static final ValueLayout.OfFloat C_FLOAT = ValueLayout.JAVA_FLOAT;
  static final ValueLayout.OfDouble C_DOUBLE = ValueLayout.JAVA_DOUBLE;
  static final AddressLayout C_POINTER = ValueLayout.ADDRESS;

  public static final int HS_OK = 0;
  public static final int HS_INVALID_ARGUMENT = 1;
  public static final int HS_UNSUPPORTED = 2;
  public static final int HS_DEVICE_ERROR = 3;
  public static final int HS_F32 = 0;
  public static final int HS_BF16 = 1;
  public static final int HS_U8 = 2;
  public static final int HS_ATTENTION_LEGACY = 0;
  public static final int HS_ATTENTION_NEW = 1;

  private static final MethodHandle hs_version = shape(FunctionDescriptor.of(C_POINTER));
  private static final MethodHandle hs_instruction_set = shape(FunctionDescriptor.of(C_POINTER));
  private static final MethodHandle hs_status_string =
      shape(FunctionDescriptor.of(C_POINTER, C_INT));
  private static final MethodHandle hs_thread_count = shape(FunctionDescriptor.of(C_INT));
  private static final MethodHandle hs_set_thread_count =
      shape(FunctionDescriptor.of(C_INT, C_INT));
  private static final MethodHandle hs_cpu_multiply_adds =
      shape(FunctionDescriptor.of(C_INT, C_LONG, C_POINTER));
  private static final MethodHandle hs_group_norm_workspace =
      shape(FunctionDescriptor.of(C_LONG, C_LONG, C_LONG, C_LONG, C_INT, C_INT));
  private static final MethodHandle hs_group_norm_forward =
      shape(FunctionDescriptor.of(C_INT, C_POINTER, C_POINTER));
  private static final MethodHandle hs_group_norm_backward =
      shape(FunctionDescriptor.of(C_INT, C_POINTER, C_POINTER));
  private static final MethodHandle hs_group_norm_quantize =
      shape(FunctionDescriptor.of(C_INT, C_POINTER, C_POINTER, C_POINTER, C_POINTER));
  private static final MethodHandle hs_quantize =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_POINTER, C_POINTER, C_POINTER, C_POINTER, C_LONG,
              C_LONG, C_LONG, C_INT));
  private static final MethodHandle hs_attention_workspace =
      shape(FunctionDescriptor.of(C_LONG, C_LONG, C_LONG, C_INT, C_INT, C_INT));
  private static final MethodHandle hs_attention_forward =
      shape(FunctionDescriptor.of(C_INT, C_POINTER, C_POINTER));
  private static final MethodHandle hs_attention_backward =
      shape(FunctionDescriptor.of(C_INT, C_POINTER, C_POINTER));
  private static final MethodHandle hs_channel_moments =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_POINTER, C_LONG, C_LONG, C_LONG, C_INT));
  private static final MethodHandle hs_group_norm_table =
      shape(FunctionDescriptor.of(C_INT, C_POINTER, C_POINTER, C_POINTER, C_POINTER, C_POINTER));
  private static final MethodHandle hs_group_norm_apply =
      shape(FunctionDescriptor.of(C_INT, C_POINTER, C_POINTER, C_POINTER));
  private static final MethodHandle hs_winograd_pack =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_INT, C_POINTER, C_LONG, C_LONG, C_LONG, C_INT, C_POINTER));
  private static final MethodHandle hs_winograd_workspace =
      shape(FunctionDescriptor.of(C_LONG, C_POINTER, C_INT));
  private static final MethodHandle hs_winograd_forward =
      shape(FunctionDescriptor.of(C_INT, C_POINTER, C_POINTER));
  private static final MethodHandle hs_winograd_gradient =
      shape(FunctionDescriptor.of(C_INT, C_POINTER, C_POINTER));
  private static final MethodHandle hs_pointwise_pack =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_LONG, C_LONG, C_LONG, C_INT, C_POINTER));
  private static final MethodHandle hs_pointwise_workspace =
      shape(FunctionDescriptor.of(C_LONG, C_POINTER, C_INT));
  private static final MethodHandle hs_pointwise_forward =
      shape(FunctionDescriptor.of(C_INT, C_POINTER, C_POINTER));
  private static final MethodHandle hs_pointwise_gradient =
      shape(FunctionDescriptor.of(C_INT, C_POINTER, C_POINTER));
  private static final MethodHandle hs_filter_pack =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_LONG, C_LONG, C_LONG, C_LONG, C_POINTER, C_LONG,
              C_LONG, C_INT));
  private static final MethodHandle hs_filter_unpack =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_LONG, C_LONG, C_POINTER, C_LONG, C_LONG, C_LONG,
              C_LONG, C_INT));
  private static final MethodHandle hs_silu_forward =
      shape(FunctionDescriptor.of(C_INT, C_POINTER, C_POINTER, C_POINTER, C_LONG, C_INT));
  private static final MethodHandle hs_silu_backward =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_POINTER, C_POINTER, C_INT, C_LONG, C_INT));
  private static final MethodHandle hs_add =
      shape(
          FunctionDescriptor.of(C_INT, C_POINTER, C_POINTER, C_POINTER, C_POINTER, C_LONG, C_INT));
  private static final MethodHandle hs_upsample2_forward =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_POINTER, C_LONG, C_LONG, C_LONG, C_LONG, C_INT));
  private static final MethodHandle hs_upsample2_backward =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_POINTER, C_INT, C_LONG, C_LONG, C_LONG, C_LONG,
              C_INT));
  private static final MethodHandle hs_downsample2_forward =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_POINTER, C_LONG, C_LONG, C_LONG, C_LONG, C_INT));
  private static final MethodHandle hs_downsample2_backward =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_POINTER, C_INT, C_LONG, C_LONG, C_LONG, C_LONG,
              C_INT));
  private static final MethodHandle hs_pool =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_POINTER, C_INT, C_INT, C_INT, C_INT, C_INT, C_INT,
              C_LONG, C_LONG, C_LONG, C_LONG, C_INT));
  private static final MethodHandle hs_copy_columns =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_LONG, C_LONG, C_POINTER, C_LONG, C_LONG, C_LONG,
              C_LONG, C_INT, C_INT));
  private static final MethodHandle hs_add_per_channel =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_POINTER, C_LONG, C_POINTER, C_LONG, C_LONG, C_LONG,
              C_INT));
  private static final MethodHandle hs_sum_pixels =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_POINTER, C_LONG, C_LONG, C_LONG, C_LONG, C_INT));
  private static final MethodHandle hs_sum_rows_workspace =
      shape(FunctionDescriptor.of(C_LONG, C_LONG, C_LONG));
  private static final MethodHandle hs_sum_rows =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_POINTER, C_INT, C_POINTER, C_LONG, C_LONG, C_INT));
  private static final MethodHandle hs_dropout =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_POINTER, C_FLOAT, C_LONG, C_POINTER, C_POINTER, C_INT,
              C_LONG, C_LONG, C_INT));
  private static final MethodHandle hs_convert =
      shape(FunctionDescriptor.of(C_INT, C_POINTER, C_POINTER, C_INT, C_POINTER, C_INT, C_LONG));
  private static final MethodHandle hs_sinusoid =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_DOUBLE, C_DOUBLE, C_POINTER, C_LONG, C_LONG));
  private static final MethodHandle hs_embedding_forward =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_POINTER, C_POINTER, C_INT, C_LONG, C_LONG, C_LONG));
  private static final MethodHandle hs_embedding_backward =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_POINTER, C_POINTER, C_LONG, C_LONG, C_LONG));
  private static final MethodHandle hs_linear_combination =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_INT, C_POINTER, C_POINTER, C_POINTER, C_POINTER,
              C_POINTER, C_LONG, C_LONG, C_INT));
  private static final MethodHandle hs_squared_distance =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_POINTER, C_POINTER, C_LONG, C_LONG, C_INT));
  private static final MethodHandle hs_clamp =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_POINTER, C_FLOAT, C_FLOAT, C_LONG, C_INT));
  private static final MethodHandle hs_softmax_cross_entropy =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_POINTER, C_POINTER, C_POINTER, C_FLOAT, C_LONG,
              C_LONG));
  private static final MethodHandle hs_adam_step =
      shape(FunctionDescriptor.of(C_INT, C_POINTER, C_POINTER));
  private static final MethodHandle hs_adam_step_from =
      shape(FunctionDescriptor.of(C_INT, C_POINTER, C_POINTER, C_POINTER, C_POINTER));
  private static final MethodHandle hs_ema_update =
      shape(FunctionDescriptor.of(C_INT, C_POINTER, C_POINTER, C_POINTER, C_DOUBLE, C_LONG));
  private static final MethodHandle hs_square_sum_workspace =
      shape(FunctionDescriptor.of(C_LONG, C_LONG));
  private static final MethodHandle hs_square_sum =
      shape(FunctionDescriptor.of(C_INT, C_POINTER, C_POINTER, C_POINTER, C_POINTER, C_LONG));
  private static final MethodHandle hs_philox_uniform =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_LONG, C_POINTER, C_INT, C_LONG, C_LONG));
  private static final MethodHandle hs_philox_normal =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_LONG, C_POINTER, C_INT, C_LONG, C_LONG, C_INT));
  private static final MethodHandle hs_philox_normal_from =
      shape(
          FunctionDescriptor.of(
              C_INT, C_POINTER, C_POINTER, C_POINTER, C_POINTER, C_LONG, C_LONG, C_INT));

  private final MemorySegment hs_version$ADDRESS;
  private final MemorySegment hs_instruction_set$ADDRESS;
  private final MemorySegment hs_status_string$ADDRESS;
  private final MemorySegment hs_thread_count$ADDRESS;
  private final MemorySegment hs_set_thread_count$ADDRESS;
  private final MemorySegment hs_group_norm_workspace$ADDRESS;
  private final MemorySegment hs_group_norm_forward$ADDRESS;
  private final MemorySegment hs_group_norm_backward$ADDRESS;
  private final MemorySegment hs_group_norm_quantize$ADDRESS;
  private final MemorySegment hs_quantize$ADDRESS;
  private final MemorySegment hs_attention_workspace$ADDRESS;
  private final MemorySegment hs_attention_forward$ADDRESS;
  private final MemorySegment hs_attention_backward$ADDRESS;
  private final MemorySegment hs_channel_moments$ADDRESS;
  private final MemorySegment hs_group_norm_table$ADDRESS;
  private final MemorySegment hs_group_norm_apply$ADDRESS;
  private final MemorySegment hs_winograd_pack$ADDRESS;
  private final MemorySegment hs_winograd_workspace$ADDRESS;
  private final MemorySegment hs_winograd_forward$ADDRESS;
  private final MemorySegment hs_winograd_gradient$ADDRESS;
  private final MemorySegment hs_pointwise_pack$ADDRESS;
  private final MemorySegment hs_pointwise_workspace$ADDRESS;
  private final MemorySegment hs_pointwise_forward$ADDRESS;
  private final MemorySegment hs_pointwise_gradient$ADDRESS;
  private final MemorySegment hs_filter_pack$ADDRESS;
  private final MemorySegment hs_filter_unpack$ADDRESS;
  private final MemorySegment hs_silu_forward$ADDRESS;
  private final MemorySegment hs_silu_backward$ADDRESS;
  private final MemorySegment hs_add$ADDRESS;
  private final MemorySegment hs_upsample2_forward$ADDRESS;
  private final MemorySegment hs_upsample2_backward$ADDRESS;
  private final MemorySegment hs_downsample2_forward$ADDRESS;
  private final MemorySegment hs_downsample2_backward$ADDRESS;
  private final MemorySegment hs_pool$ADDRESS;
  private final MemorySegment hs_copy_columns$ADDRESS;
  private final MemorySegment hs_add_per_channel$ADDRESS;
  private final MemorySegment hs_sum_pixels$ADDRESS;
  private final MemorySegment hs_sum_rows_workspace$ADDRESS;
  private final MemorySegment hs_sum_rows$ADDRESS;
  private final MemorySegment hs_dropout$ADDRESS;
  private final MemorySegment hs_convert$ADDRESS;
  private final MemorySegment hs_sinusoid$ADDRESS;
  private final MemorySegment hs_embedding_forward$ADDRESS;
  private final MemorySegment hs_embedding_backward$ADDRESS;
  private final MemorySegment hs_linear_combination$ADDRESS;
  private final MemorySegment hs_squared_distance$ADDRESS;
  private final MemorySegment hs_clamp$ADDRESS;
  private final MemorySegment hs_softmax_cross_entropy$ADDRESS;
  private final MemorySegment hs_adam_step$ADDRESS;
  private final MemorySegment hs_adam_step_from$ADDRESS;
  private final MemorySegment hs_ema_update$ADDRESS;
  private final MemorySegment hs_square_sum_workspace$ADDRESS;
  private final MemorySegment hs_square_sum$ADDRESS;
  private final MemorySegment hs_philox_uniform$ADDRESS;
  private final MemorySegment hs_philox_normal$ADDRESS;
  private final MemorySegment hs_philox_normal_from$ADDRESS;

  private Kernels(NativeLibrary library) {
    hs_version$ADDRESS = library.address("hs_version");
    hs_instruction_set$ADDRESS = library.address("hs_instruction_set");
    hs_status_string$ADDRESS = library.address("hs_status_string");
    hs_thread_count$ADDRESS = library.address("hs_thread_count");
    hs_set_thread_count$ADDRESS = library.address("hs_set_thread_count");
    hs_group_norm_workspace$ADDRESS = library.address("hs_group_norm_workspace");
    hs_group_norm_forward$ADDRESS = library.address("hs_group_norm_forward");
    hs_group_norm_backward$ADDRESS = library.address("hs_group_norm_backward");
    hs_group_norm_quantize$ADDRESS = library.address("hs_group_norm_quantize");
    hs_quantize$ADDRESS = library.address("hs_quantize");
    hs_attention_workspace$ADDRESS = library.address("hs_attention_workspace");
    hs_attention_forward$ADDRESS = library.address("hs_attention_forward");
    hs_attention_backward$ADDRESS = library.address("hs_attention_backward");
    hs_channel_moments$ADDRESS = library.address("hs_channel_moments");
    hs_group_norm_table$ADDRESS = library.address("hs_group_norm_table");
    hs_group_norm_apply$ADDRESS = library.address("hs_group_norm_apply");
    hs_winograd_pack$ADDRESS = library.address("hs_winograd_pack");
    hs_winograd_workspace$ADDRESS = library.address("hs_winograd_workspace");
    hs_winograd_forward$ADDRESS = library.address("hs_winograd_forward");
    hs_winograd_gradient$ADDRESS = library.address("hs_winograd_gradient");
    hs_pointwise_pack$ADDRESS = library.address("hs_pointwise_pack");
    hs_pointwise_workspace$ADDRESS = library.address("hs_pointwise_workspace");
    hs_pointwise_forward$ADDRESS = library.address("hs_pointwise_forward");
    hs_pointwise_gradient$ADDRESS = library.address("hs_pointwise_gradient");
    hs_filter_pack$ADDRESS = library.address("hs_filter_pack");
    hs_filter_unpack$ADDRESS = library.address("hs_filter_unpack");
    hs_silu_forward$ADDRESS = library.address("hs_silu_forward");
    hs_silu_backward$ADDRESS = library.address("hs_silu_backward");
    hs_add$ADDRESS = library.address("hs_add");
    hs_upsample2_forward$ADDRESS = library.address("hs_upsample2_forward");
    hs_upsample2_backward$ADDRESS = library.address("hs_upsample2_backward");
    hs_downsample2_forward$ADDRESS = library.address("hs_downsample2_forward");
    hs_downsample2_backward$ADDRESS = library.address("hs_downsample2_backward");
    hs_pool$ADDRESS = library.address("hs_pool");
    hs_copy_columns$ADDRESS = library.address("hs_copy_columns");
    hs_add_per_channel$ADDRESS = library.address("hs_add_per_channel");
    hs_sum_pixels$ADDRESS = library.address("hs_sum_pixels");
    hs_sum_rows_workspace$ADDRESS = library.address("hs_sum_rows_workspace");
    hs_sum_rows$ADDRESS = library.address("hs_sum_rows");
    hs_dropout$ADDRESS = library.address("hs_dropout");
    hs_convert$ADDRESS = library.address("hs_convert");
    hs_sinusoid$ADDRESS = library.address("hs_sinusoid");
    hs_embedding_forward$ADDRESS = library.address("hs_embedding_forward");
    hs_embedding_backward$ADDRESS = library.address("hs_embedding_backward");
    hs_linear_combination$ADDRESS = library.address("hs_linear_combination");
    hs_squared_distance$ADDRESS = library.address("hs_squared_distance");
    hs_clamp$ADDRESS = library.address("hs_clamp");
    hs_softmax_cross_entropy$ADDRESS = library.address("hs_softmax_cross_entropy");
    hs_adam_step$ADDRESS = library.address("hs_adam_step");
    hs_adam_step_from$ADDRESS = library.address("hs_adam_step_from");
    hs_ema_update$ADDRESS = library.address("hs_ema_update");
    hs_square_sum_workspace$ADDRESS = library.address("hs_square_sum_workspace");
    hs_square_sum$ADDRESS = library.address("hs_square_sum");
    hs_philox_uniform$ADDRESS = library.address("hs_philox_uniform");
    hs_philox_normal$ADDRESS = library.address("hs_philox_normal");
    hs_philox_normal_from$ADDRESS = library.address("hs_philox_normal_from");
  }

  /** Loaded when the CPU's kernels are first asked for. */
  private static final class Cpu {
    static final Kernels KERNELS = new Kernels(NativeLibrary.KERNELS);
  }

  /** The kernels of the CPU. */
  public static Kernels cpu() {
    return Cpu.KERNELS;
  }

  /**
   * The kernels of one library; each call binds them anew.
   *
   * @throws NativeLibraryException if it does not load or lacks a function
   */
  public static Kernels of(NativeLibrary library) {
    return new Kernels(library);
  }

  // ---- Library

  /** The version of the kernels, as in "0.2.0". */
  public String hs_version() {
    try {
      return text((MemorySegment) hs_version.invokeExact(hs_version$ADDRESS));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** What the kernels run on here: "x86-64-v4", "x86-64-v3" or "x86-64-v2". */
  public String hs_instruction_set() {
    try {
      return text((MemorySegment) hs_instruction_set.invokeExact(hs_instruction_set$ADDRESS));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** The name of a status, for people. */
  public String hs_status_string(int status) {
    try {
      return text((MemorySegment) hs_status_string.invokeExact(hs_status_string$ADDRESS, status));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** Threads of a parallel region that the calling thread starts. */
  public int hs_thread_count() {
    try {
      return (int) hs_thread_count.invokeExact(hs_thread_count$ADDRESS);
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** Sets the threads of parallel regions that the calling thread starts, at least 1. */
  public void hs_set_thread_count(int threads) {
    try {
      check(
          "hs_set_thread_count",
          (int) hs_set_thread_count.invokeExact(hs_set_thread_count$ADDRESS, threads));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /**
   * Float32 multiply-adds in registers on all threads, {@code turns} rounds of them: the
   * processor's ceiling, when timed. Only the CPU's library has it. {@code operations} [1] double
   * counts two for each.
   */
  public static void hs_cpu_multiply_adds(long turns, MemorySegment operations) {
    MemorySegment address = NativeLibrary.KERNELS.address("hs_cpu_multiply_adds");
    try {
      cpu()
          .check(
              "hs_cpu_multiply_adds",
              (int) hs_cpu_multiply_adds.invokeExact(address, turns, operations));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  // ---- Group normalisation, with modulation and SiLU fused

  /** Bytes of workspace for the group normalisation kernels; backward is 0 or 1. */
  public long hs_group_norm_workspace(long n, long hw, long c, int groups, int backward) {
    try {
      return (long)
          hs_group_norm_workspace.invokeExact(
              hs_group_norm_workspace$ADDRESS, n, hw, c, groups, backward);
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /**
   * Group normalisation of one or two concatenated sources, then modulation, then SiLU; see {@link
   * hs_group_norm}.
   */
  public void hs_group_norm_forward(MemorySegment stream, MemorySegment args) {
    try {
      check(
          "hs_group_norm_forward",
          (int) hs_group_norm_forward.invokeExact(hs_group_norm_forward$ADDRESS, stream, args));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** Gradients of {@link #hs_group_norm_forward}; reads the statistics that it wrote. */
  public void hs_group_norm_backward(MemorySegment stream, MemorySegment args) {
    try {
      check(
          "hs_group_norm_backward",
          (int) hs_group_norm_backward.invokeExact(hs_group_norm_backward$ADDRESS, stream, args));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  // ---- Quantization

  /** {@link #hs_group_norm_forward} whose y is bytes; scale and zero point to one float each. */
  public void hs_group_norm_quantize(
      MemorySegment stream, MemorySegment args, MemorySegment scale, MemorySegment zero) {
    try {
      check(
          "hs_group_norm_quantize",
          (int)
              hs_group_norm_quantize.invokeExact(
                  hs_group_norm_quantize$ADDRESS, stream, args, scale, zero));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** y [rows,c0+c1], bytes, from the rows of x0 and x1 side by side. */
  public void hs_quantize(
      MemorySegment stream,
      MemorySegment x0,
      MemorySegment x1,
      MemorySegment y,
      MemorySegment scale,
      MemorySegment zero,
      long rows,
      long c0,
      long c1,
      int dtype) {
    try {
      check(
          "hs_quantize",
          (int)
              hs_quantize.invokeExact(
                  hs_quantize$ADDRESS, stream, x0, x1, y, scale, zero, rows, c0, c1, dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  // ---- Attention over t tokens, softmax(q k^T / sqrt(d)) v per head (d > 1024: HS_UNSUPPORTED)

  /** Bytes of workspace for the attention kernels; backward is 0 or 1. */
  public long hs_attention_workspace(long n, long t, int heads, int d, int backward) {
    try {
      return (long)
          hs_attention_workspace.invokeExact(
              hs_attention_workspace$ADDRESS, n, t, heads, d, backward);
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** Attention over t tokens, per head; see {@link hs_attention}. */
  public void hs_attention_forward(MemorySegment stream, MemorySegment args) {
    try {
      check(
          "hs_attention_forward",
          (int) hs_attention_forward.invokeExact(hs_attention_forward$ADDRESS, stream, args));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** Gradients of {@link #hs_attention_forward}; reads y and logsumexp that it wrote. */
  public void hs_attention_backward(MemorySegment stream, MemorySegment args) {
    try {
      check(
          "hs_attention_backward",
          (int) hs_attention_backward.invokeExact(hs_attention_backward$ADDRESS, stream, args));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  // ---- Group normalisation in parts, and Winograd convolutions

  /** Mean and sum of squared deviations of every sample's channels. */
  public void hs_channel_moments(
      MemorySegment stream,
      MemorySegment x,
      MemorySegment moments,
      long n,
      long hw,
      long c,
      int dtype) {
    try {
      check(
          "hs_channel_moments",
          (int)
              hs_channel_moments.invokeExact(
                  hs_channel_moments$ADDRESS, stream, x, moments, n, hw, c, dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /**
   * Statistics and a table [n,3,c] of mean, factor and offset from the moments of both sources.
   *
   * @param args a struct of {@link hs_group_norm}
   * @param moments1 null without a second source
   */
  public void hs_group_norm_table(
      MemorySegment stream,
      MemorySegment args,
      MemorySegment moments0,
      MemorySegment moments1,
      MemorySegment table) {
    try {
      check(
          "hs_group_norm_table",
          (int)
              hs_group_norm_table.invokeExact(
                  hs_group_norm_table$ADDRESS, stream, args, moments0, moments1, table));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** y = f((x - mean) factor + offset) by a table of {@link #hs_group_norm_table}. */
  public void hs_group_norm_apply(MemorySegment stream, MemorySegment args, MemorySegment table) {
    try {
      check(
          "hs_group_norm_apply",
          (int) hs_group_norm_apply.invokeExact(hs_group_norm_apply$ADDRESS, stream, args, table));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** Weight [out,stride,3,3] (transposed: [in,stride,3,3], taps rotated) to its packed form. */
  public void hs_winograd_pack(
      MemorySegment stream,
      int tile,
      MemorySegment weight,
      long stride,
      long in,
      long out,
      int transposed,
      MemorySegment packed) {
    try {
      check(
          "hs_winograd_pack",
          (int)
              hs_winograd_pack.invokeExact(
                  hs_winograd_pack$ADDRESS,
                  stream,
                  tile,
                  weight,
                  stride,
                  in,
                  out,
                  transposed,
                  packed));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /**
   * Bytes of workspace of {@link #hs_winograd_forward}, or of {@link #hs_winograd_gradient}.
   *
   * @param args a struct of {@link hs_winograd} with its sizes
   */
  public long hs_winograd_workspace(MemorySegment args, int gradient) {
    try {
      return (long)
          hs_winograd_workspace.invokeExact(hs_winograd_workspace$ADDRESS, args, gradient);
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /**
   * y = 3x3 convolution of the normalised sources + bias + residual, with the moments of y.
   *
   * @param args a struct of {@link hs_winograd}
   */
  public void hs_winograd_forward(MemorySegment stream, MemorySegment args) {
    try {
      check(
          "hs_winograd_forward",
          (int) hs_winograd_forward.invokeExact(hs_winograd_forward$ADDRESS, stream, args));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /**
   * Gradients of the weight and bias of {@link #hs_winograd_forward}.
   *
   * @param args a struct of {@link hs_winograd}
   */
  public void hs_winograd_gradient(MemorySegment stream, MemorySegment args) {
    try {
      check(
          "hs_winograd_gradient",
          (int) hs_winograd_gradient.invokeExact(hs_winograd_gradient$ADDRESS, stream, args));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** Weight [out,stride] (transposed: [in,stride]) to its packed form. */
  public void hs_pointwise_pack(
      MemorySegment stream,
      MemorySegment weight,
      long stride,
      long in,
      long out,
      int transposed,
      MemorySegment packed) {
    try {
      check(
          "hs_pointwise_pack",
          (int)
              hs_pointwise_pack.invokeExact(
                  hs_pointwise_pack$ADDRESS, stream, weight, stride, in, out, transposed, packed));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /**
   * Bytes of workspace of {@link #hs_pointwise_forward}, or of {@link #hs_pointwise_gradient}.
   *
   * @param args a struct of {@link hs_pointwise} with its sizes
   */
  public long hs_pointwise_workspace(MemorySegment args, int gradient) {
    try {
      return (long)
          hs_pointwise_workspace.invokeExact(hs_pointwise_workspace$ADDRESS, args, gradient);
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /**
   * y = 1x1 convolution of the normalised sources + bias + residual, with the moments of y.
   *
   * @param args a struct of {@link hs_pointwise}
   */
  public void hs_pointwise_forward(MemorySegment stream, MemorySegment args) {
    try {
      check(
          "hs_pointwise_forward",
          (int) hs_pointwise_forward.invokeExact(hs_pointwise_forward$ADDRESS, stream, args));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /**
   * Gradients of the weight and bias of {@link #hs_pointwise_forward}.
   *
   * @param args a struct of {@link hs_pointwise}
   */
  public void hs_pointwise_gradient(MemorySegment stream, MemorySegment args) {
    try {
      check(
          "hs_pointwise_gradient",
          (int) hs_pointwise_gradient.invokeExact(hs_pointwise_gradient$ADDRESS, stream, args));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  // ---- Filters of convolutions

  /** packed [packedOut,taps,packedIn] from weight [out,stride,taps], the rest zero. */
  public void hs_filter_pack(
      MemorySegment stream,
      MemorySegment weight,
      long stride,
      long in,
      long out,
      long taps,
      MemorySegment packed,
      long packedIn,
      long packedOut,
      int dtype) {
    try {
      check(
          "hs_filter_pack",
          (int)
              hs_filter_pack.invokeExact(
                  hs_filter_pack$ADDRESS,
                  stream,
                  weight,
                  stride,
                  in,
                  out,
                  taps,
                  packed,
                  packedIn,
                  packedOut,
                  dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** The way back of {@link #hs_filter_pack}, for a gradient. */
  public void hs_filter_unpack(
      MemorySegment stream,
      MemorySegment packed,
      long packedIn,
      long packedOut,
      MemorySegment weight,
      long stride,
      long in,
      long out,
      long taps,
      int dtype) {
    try {
      check(
          "hs_filter_unpack",
          (int)
              hs_filter_unpack.invokeExact(
                  hs_filter_unpack$ADDRESS,
                  stream,
                  packed,
                  packedIn,
                  packedOut,
                  weight,
                  stride,
                  in,
                  out,
                  taps,
                  dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  // ---- Elementwise and resampling

  /** y = x sigmoid(x). */
  public void hs_silu_forward(
      MemorySegment stream, MemorySegment x, MemorySegment y, long count, int dtype) {
    try {
      check(
          "hs_silu_forward",
          (int) hs_silu_forward.invokeExact(hs_silu_forward$ADDRESS, stream, x, y, count, dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** dx (+)= dy times the slope of SiLU at x. */
  public void hs_silu_backward(
      MemorySegment stream,
      MemorySegment x,
      MemorySegment dy,
      MemorySegment dx,
      int accumulate,
      long count,
      int dtype) {
    try {
      check(
          "hs_silu_backward",
          (int)
              hs_silu_backward.invokeExact(
                  hs_silu_backward$ADDRESS, stream, x, dy, dx, accumulate, count, dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** y = a + b; y may be a or b. */
  public void hs_add(
      MemorySegment stream,
      MemorySegment a,
      MemorySegment b,
      MemorySegment y,
      long count,
      int dtype) {
    try {
      check("hs_add", (int) hs_add.invokeExact(hs_add$ADDRESS, stream, a, b, y, count, dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** Nearest x2: y [n,2h,2w,c] from x [n,h,w,c]. */
  public void hs_upsample2_forward(
      MemorySegment stream,
      MemorySegment x,
      MemorySegment y,
      long n,
      long h,
      long w,
      long c,
      int dtype) {
    try {
      check(
          "hs_upsample2_forward",
          (int)
              hs_upsample2_forward.invokeExact(
                  hs_upsample2_forward$ADDRESS, stream, x, y, n, h, w, c, dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** dx [n,h,w,c] (+)= the sum of each 2x2 of dy [n,2h,2w,c]. */
  public void hs_upsample2_backward(
      MemorySegment stream,
      MemorySegment dy,
      MemorySegment dx,
      int accumulate,
      long n,
      long h,
      long w,
      long c,
      int dtype) {
    try {
      check(
          "hs_upsample2_backward",
          (int)
              hs_upsample2_backward.invokeExact(
                  hs_upsample2_backward$ADDRESS, stream, dy, dx, accumulate, n, h, w, c, dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** 2x2 mean: y [n,h/2,w/2,c] from x [n,h,w,c]; an odd last row or column is dropped. */
  public void hs_downsample2_forward(
      MemorySegment stream,
      MemorySegment x,
      MemorySegment y,
      long n,
      long h,
      long w,
      long c,
      int dtype) {
    try {
      check(
          "hs_downsample2_forward",
          (int)
              hs_downsample2_forward.invokeExact(
                  hs_downsample2_forward$ADDRESS, stream, x, y, n, h, w, c, dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** y = the mean or the largest of the pixels of a window that lie inside the image. */
  public void hs_pool(
      MemorySegment stream,
      MemorySegment x,
      MemorySegment y,
      int average,
      int rows,
      int columns,
      int stride,
      int rowPadding,
      int columnPadding,
      long n,
      long h,
      long w,
      long c,
      int dtype) {
    try {
      check(
          "hs_pool",
          (int)
              hs_pool.invokeExact(
                  hs_pool$ADDRESS,
                  stream,
                  x,
                  y,
                  average,
                  rows,
                  columns,
                  stride,
                  rowPadding,
                  columnPadding,
                  n,
                  h,
                  w,
                  c,
                  dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** dx [n,h,w,c] (+)= the gradient of the 2x2 mean. */
  public void hs_downsample2_backward(
      MemorySegment stream,
      MemorySegment dy,
      MemorySegment dx,
      int accumulate,
      long n,
      long h,
      long w,
      long c,
      int dtype) {
    try {
      check(
          "hs_downsample2_backward",
          (int)
              hs_downsample2_backward.invokeExact(
                  hs_downsample2_backward$ADDRESS, stream, dy, dx, accumulate, n, h, w, c, dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /**
   * Copies `columns` columns of each row: dst[r, dst_offset + j] (+)= src[r, src_offset + j].
   * Strides and offsets in elements.
   */
  public void hs_copy_columns(
      MemorySegment stream,
      MemorySegment src,
      long srcStride,
      long srcOffset,
      MemorySegment dst,
      long dstStride,
      long dstOffset,
      long rows,
      long columns,
      int accumulate,
      int dtype) {
    try {
      check(
          "hs_copy_columns",
          (int)
              hs_copy_columns.invokeExact(
                  hs_copy_columns$ADDRESS,
                  stream,
                  src,
                  srcStride,
                  srcOffset,
                  dst,
                  dstStride,
                  dstOffset,
                  rows,
                  columns,
                  accumulate,
                  dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /**
   * y[i,p,:] = x[i,p,:] + e[i*e_stride + :]; its gradient for e is hs_sum_pixels of dy. y may be x.
   */
  public void hs_add_per_channel(
      MemorySegment stream,
      MemorySegment x,
      MemorySegment e,
      long eStride,
      MemorySegment y,
      long n,
      long hw,
      long c,
      int dtype) {
    try {
      check(
          "hs_add_per_channel",
          (int)
              hs_add_per_channel.invokeExact(
                  hs_add_per_channel$ADDRESS, stream, x, e, eStride, y, n, hw, c, dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** out[i*out_stride + :] = sum over pixels of x[i,:,:]; overwritten. */
  public void hs_sum_pixels(
      MemorySegment stream,
      MemorySegment x,
      MemorySegment out,
      long outStride,
      long n,
      long hw,
      long c,
      int dtype) {
    try {
      check(
          "hs_sum_pixels",
          (int)
              hs_sum_pixels.invokeExact(
                  hs_sum_pixels$ADDRESS, stream, x, out, outStride, n, hw, c, dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** Bytes of workspace for {@link #hs_sum_rows}. */
  public long hs_sum_rows_workspace(long rows, long c) {
    try {
      return (long) hs_sum_rows_workspace.invokeExact(hs_sum_rows_workspace$ADDRESS, rows, c);
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** out[:] (+)= sum over rows of x [rows,c], a bias gradient. */
  public void hs_sum_rows(
      MemorySegment stream,
      MemorySegment x,
      MemorySegment out,
      int accumulate,
      MemorySegment workspace,
      long rows,
      long c,
      int dtype) {
    try {
      check(
          "hs_sum_rows",
          (int)
              hs_sum_rows.invokeExact(
                  hs_sum_rows$ADDRESS, stream, x, out, accumulate, workspace, rows, c, dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /**
   * Inverted dropout: y = x * mask / (1 - p). The mask is Philox (seed, sample_ids[i], draw) at the
   * element's index, so the backward pass is the same call on dy. sample_ids [n]; draw_pointer
   * points to one uint32 read when the kernel runs. y may be x. Each layer has a key of its own:
   * {low32(seed), high32(seed) ^ (0x9E3779B9 * (layer + 1))}. Word w drops where w &lt; p 2^32.
   */
  public void hs_dropout(
      MemorySegment stream,
      MemorySegment x,
      MemorySegment y,
      float p,
      long seed,
      MemorySegment sampleIds,
      MemorySegment drawPointer,
      int layer,
      long n,
      long perSample,
      int dtype) {
    try {
      check(
          "hs_dropout",
          (int)
              hs_dropout.invokeExact(
                  hs_dropout$ADDRESS,
                  stream,
                  x,
                  y,
                  p,
                  seed,
                  sampleIds,
                  drawPointer,
                  layer,
                  n,
                  perSample,
                  dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** Converts between storage types; to bf16 by rounding to nearest even. */
  public void hs_convert(
      MemorySegment stream,
      MemorySegment src,
      int srcDtype,
      MemorySegment dst,
      int dstDtype,
      long count) {
    try {
      check(
          "hs_convert",
          (int)
              hs_convert.invokeExact(
                  hs_convert$ADDRESS, stream, src, srcDtype, dst, dstDtype, count));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  // ---- Embeddings

  /**
   * y[i] = [cos(a f_0) .. cos(a f_h-1), sin(a f_0) ..], a = scale * t[i], f_k = max_period^(-k/h),
   * h = dim/2; an odd dim ends with 0. Angles are formed in double.
   */
  public void hs_sinusoid(
      MemorySegment stream,
      MemorySegment t,
      double scale,
      double maxPeriod,
      MemorySegment y,
      long n,
      long dim) {
    try {
      check(
          "hs_sinusoid",
          (int)
              hs_sinusoid.invokeExact(hs_sinusoid$ADDRESS, stream, t, scale, maxPeriod, y, n, dim));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** y[i,:] (+)= table[ids[i],:]; ids outside 0..rows-1 are an invalid argument. */
  public void hs_embedding_forward(
      MemorySegment stream,
      MemorySegment table,
      MemorySegment ids,
      MemorySegment y,
      int accumulate,
      long n,
      long rows,
      long dim) {
    try {
      check(
          "hs_embedding_forward",
          (int)
              hs_embedding_forward.invokeExact(
                  hs_embedding_forward$ADDRESS, stream, table, ids, y, accumulate, n, rows, dim));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /**
   * dtable [rows,dim], overwritten (rows not named become zero); equal ids add up. ids outside
   * 0..rows-1: HS_INVALID_ARGUMENT.
   */
  public void hs_embedding_backward(
      MemorySegment stream,
      MemorySegment dy,
      MemorySegment ids,
      MemorySegment dtable,
      long n,
      long rows,
      long dim) {
    try {
      check(
          "hs_embedding_backward",
          (int)
              hs_embedding_backward.invokeExact(
                  hs_embedding_backward$ADDRESS, stream, dy, ids, dtable, n, rows, dim));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  // ---- Per-sample arithmetic (diffusion)

  /**
   * y[i,:] = sum over k &lt; terms (1..4) of coefficients[k*n + i] * x_k[i,:]. y may be any x_k.
   * x_k for k &gt;= terms are ignored.
   */
  public void hs_linear_combination(
      MemorySegment stream,
      MemorySegment y,
      int terms,
      MemorySegment x0,
      MemorySegment x1,
      MemorySegment x2,
      MemorySegment x3,
      MemorySegment coefficients,
      long n,
      long perSample,
      int dtype) {
    try {
      check(
          "hs_linear_combination",
          (int)
              hs_linear_combination.invokeExact(
                  hs_linear_combination$ADDRESS,
                  stream,
                  y,
                  terms,
                  x0,
                  x1,
                  x2,
                  x3,
                  coefficients,
                  n,
                  perSample,
                  dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** out[i] = sum over elements of (a[i,:] - b[i,:])^2, in double. */
  public void hs_squared_distance(
      MemorySegment stream,
      MemorySegment a,
      MemorySegment b,
      MemorySegment out,
      long n,
      long perSample,
      int dtype) {
    try {
      check(
          "hs_squared_distance",
          (int)
              hs_squared_distance.invokeExact(
                  hs_squared_distance$ADDRESS, stream, a, b, out, n, perSample, dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** y = x limited to low..high; y may be x. */
  public void hs_clamp(
      MemorySegment stream,
      MemorySegment x,
      MemorySegment y,
      float low,
      float high,
      long count,
      int dtype) {
    try {
      check(
          "hs_clamp",
          (int) hs_clamp.invokeExact(hs_clamp$ADDRESS, stream, x, y, low, high, count, dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** losses[i] = -log softmax(logits[i])[ids[i]]; dlogits = dloss * (softmax - onehot), or NULL. */
  public void hs_softmax_cross_entropy(
      MemorySegment stream,
      MemorySegment logits,
      MemorySegment ids,
      MemorySegment losses,
      MemorySegment dlogits,
      float dloss,
      long n,
      long classes) {
    try {
      check(
          "hs_softmax_cross_entropy",
          (int)
              hs_softmax_cross_entropy.invokeExact(
                  hs_softmax_cross_entropy$ADDRESS,
                  stream,
                  logits,
                  ids,
                  losses,
                  dlogits,
                  dloss,
                  n,
                  classes));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  // ---- Optimizer over one flat slab

  /** One step of Adam or AdamW over a slab; see {@link hs_adam}. */
  public void hs_adam_step(MemorySegment stream, MemorySegment args) {
    try {
      check("hs_adam_step", (int) hs_adam_step.invokeExact(hs_adam_step$ADDRESS, stream, args));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /**
   * {@link #hs_adam_step} with what changes from step to step read when the kernel runs: {@link
   * hs_adam_values} at values, and the gradients' square sum (or NULL), by which they are clipped.
   */
  public void hs_adam_step_from(
      MemorySegment stream, MemorySegment args, MemorySegment values, MemorySegment squareSum) {
    try {
      check(
          "hs_adam_step_from",
          (int)
              hs_adam_step_from.invokeExact(
                  hs_adam_step_from$ADDRESS, stream, args, values, squareSum));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** ema = decay*ema + (1-decay)*p. */
  public void hs_ema_update(
      MemorySegment stream, MemorySegment ema, MemorySegment p, double decay, long count) {
    try {
      check(
          "hs_ema_update",
          (int) hs_ema_update.invokeExact(hs_ema_update$ADDRESS, stream, ema, p, decay, count));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** Bytes of workspace for {@link #hs_square_sum}; 0 on the CPU. */
  public long hs_square_sum_workspace(long count) {
    try {
      return (long) hs_square_sum_workspace.invokeExact(hs_square_sum_workspace$ADDRESS, count);
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** *out = sum of squares, in double; NaN and infinity propagate. */
  public void hs_square_sum(
      MemorySegment stream,
      MemorySegment x,
      MemorySegment out,
      MemorySegment workspace,
      long count) {
    try {
      check(
          "hs_square_sum",
          (int) hs_square_sum.invokeExact(hs_square_sum$ADDRESS, stream, x, out, workspace, count));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  // ---- Random numbers: Philox 4x32-10

  /** Uniform numbers in (0,1]: element e of sample s depends on (seed, s, draw, e) alone. */
  public void hs_philox_uniform(
      MemorySegment stream,
      MemorySegment y,
      long seed,
      MemorySegment sampleIds,
      int draw,
      long n,
      long perSample) {
    try {
      check(
          "hs_philox_uniform",
          (int)
              hs_philox_uniform.invokeExact(
                  hs_philox_uniform$ADDRESS, stream, y, seed, sampleIds, draw, n, perSample));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** Standard normal numbers: element e of sample s depends on (seed, s, draw, e) alone. */
  public void hs_philox_normal(
      MemorySegment stream,
      MemorySegment y,
      long seed,
      MemorySegment sampleIds,
      int draw,
      long n,
      long perSample,
      int dtype) {
    try {
      check(
          "hs_philox_normal",
          (int)
              hs_philox_normal.invokeExact(
                  hs_philox_normal$ADDRESS, stream, y, seed, sampleIds, draw, n, perSample, dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** {@link #hs_philox_normal} with seed and draw read at key when the kernel runs. */
  public void hs_philox_normal_from(
      MemorySegment stream,
      MemorySegment y,
      MemorySegment key,
      MemorySegment sampleIds,
      long n,
      long perSample,
      int dtype) {
    try {
      check(
          "hs_philox_normal_from",
          (int)
              hs_philox_normal_from.invokeExact(
                  hs_philox_normal_from$ADDRESS, stream, y, key, sampleIds, n, perSample, dtype));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  private static MethodHandle shape(FunctionDescriptor descriptor) {
    return Linker.nativeLinker().downcallHandle(descriptor);
  }

  private static String text(MemorySegment address) {
    return address.reinterpret(Long.MAX_VALUE).getString(0);
  }

  private void check(String function, int status) {
    if (status != HS_OK) {
      throw new KernelException(function, status, hs_status_string(status));
    }
  }

  /**
   * A call itself throws only what is wrong in this class, such as a descriptor that does not fit.
   */
  private static RuntimeException unchecked(Throwable failure) {
    if (failure instanceof Error error) {
      throw error;
    }
    return failure instanceof RuntimeException runtime
        ? runtime
        : new IllegalStateException(failure);
  }
}
