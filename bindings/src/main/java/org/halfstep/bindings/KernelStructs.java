package org.halfstep.bindings;

import static org.halfstep.bindings.Struct.float32;
import static org.halfstep.bindings.Struct.float64;
import static org.halfstep.bindings.Struct.int32;
import static org.halfstep.bindings.Struct.int64;
import static org.halfstep.bindings.Struct.pointer;

import java.util.List;

/**
 * The structs of {@code native/include/halfstep.h}, which says what each field means: the arguments
 * of kernels, and what kernels read in memory.
 */
public final class KernelStructs {
  private KernelStructs() {}

  public static final Struct CPU_MULTIPLY_ADDS =
      Struct.of("hs_cpu_multiply_adds", int64("turns"), pointer("operations"));

  public static final Struct GROUP_NORM =
      Struct.of(
          "hs_group_norm",
          int64("n", "hw", "c0", "c1"),
          int32("groups", "silu", "dtype"),
          float32("eps"),
          pointer("x0", "x1", "weight", "bias", "modulation"),
          int64("modulation_stride"),
          pointer("y", "stats", "dy", "dx0", "dx1"),
          int32("accumulate0", "accumulate1"),
          pointer("dweight", "dbias", "dmodulation"),
          int64("dmodulation_stride"),
          pointer("workspace", "scale", "zero", "moments0", "moments1", "table"));

  public static final Struct CHANNEL_MOMENTS =
      Struct.of(
          "hs_channel_moments", int64("n", "hw", "c"), int32("dtype"), pointer("x", "moments"));

  public static final Struct QUANTIZE =
      Struct.of(
          "hs_quantize",
          int64("rows", "c0", "c1"),
          int32("dtype"),
          pointer("x0", "x1", "y", "scale", "zero"));

  public static final Struct ATTENTION =
      Struct.of(
          "hs_attention",
          int64("n", "tq", "tk"),
          int32("heads", "d", "causal", "dtype"),
          pointer("q", "k", "v", "y"),
          int64("q_sample", "q_row", "q_head", "k_sample", "k_row", "k_head"),
          int64("v_sample", "v_row", "v_head", "y_sample", "y_row", "y_head"),
          pointer("lengths", "logsumexp", "dy", "dq", "dk", "dv", "workspace"),
          float32("scale"));

  public static final Struct WINOGRAD =
      Struct.of(
          "hs_winograd",
          int64("n", "h", "w", "in0", "in1", "out"),
          int32("tile", "silu"),
          pointer("x0", "x1", "table", "packed", "bias", "residual", "y", "moments"),
          pointer("dy", "dweight"),
          int64("stride"),
          pointer("dbias", "workspace"));

  public static final Struct POINTWISE =
      Struct.of(
          "hs_pointwise",
          int64("n", "hw", "in0", "in1", "out"),
          pointer("x0", "x1", "table", "packed", "bias", "residual", "y", "moments"),
          pointer("dy", "dweight"),
          int64("stride"),
          pointer("dbias", "workspace"),
          int32("silu"));

  public static final Struct WEIGHT_PACK =
      Struct.of(
          "hs_weight_pack",
          int64("stride", "in", "out"),
          int32("tile", "transposed"),
          pointer("weight", "packed"));

  public static final Struct FILTER =
      Struct.of(
          "hs_filter",
          int64("stride", "in", "out", "taps", "packed_in", "packed_out"),
          int32("dtype"),
          pointer("weight", "packed"));

  public static final Struct CONVOLUTION =
      Struct.of(
          "hs_convolution",
          int64("n", "h", "w", "in", "out"),
          int32("side", "dtype"),
          pointer("x", "filter", "bias", "residual", "y"));

  public static final Struct SILU =
      Struct.of(
          "hs_silu", int64("count"), int32("dtype", "accumulate"), pointer("x", "y", "dy", "dx"));

  public static final Struct ADD =
      Struct.of("hs_add", int64("count"), int32("dtype"), pointer("a", "b", "y"));

  public static final Struct CLAMP =
      Struct.of(
          "hs_clamp", int64("count"), int32("dtype"), float32("low", "high"), pointer("x", "y"));

  public static final Struct CONVERT =
      Struct.of(
          "hs_convert", int64("count"), int32("src_dtype", "dst_dtype"), pointer("src", "dst"));

  public static final Struct RESAMPLE =
      Struct.of(
          "hs_resample",
          int64("n", "h", "w", "c"),
          int32("dtype", "accumulate"),
          pointer("x", "y", "dy", "dx"));

  public static final Struct POOL =
      Struct.of(
          "hs_pool",
          int64("n", "h", "w", "c"),
          int32("average", "rows", "columns", "stride", "row_padding", "column_padding", "dtype"),
          pointer("x", "y"));

  public static final Struct COPY_COLUMNS =
      Struct.of(
          "hs_copy_columns",
          int64("rows", "columns", "src_stride", "src_offset", "dst_stride", "dst_offset"),
          int32("dtype", "accumulate"),
          pointer("src", "dst"));

  public static final Struct ADD_PER_CHANNEL =
      Struct.of(
          "hs_add_per_channel",
          int64("n", "hw", "c", "e_stride"),
          int32("dtype"),
          pointer("x", "e", "y"));

  public static final Struct SUM_PIXELS =
      Struct.of(
          "hs_sum_pixels",
          int64("n", "hw", "c", "out_stride"),
          int32("dtype"),
          pointer("x", "out"));

  public static final Struct SUM_ROWS =
      Struct.of(
          "hs_sum_rows",
          int64("rows", "c"),
          int32("dtype", "accumulate"),
          pointer("x", "out", "workspace"));

  public static final Struct DROPOUT =
      Struct.of(
          "hs_dropout",
          int64("n", "per_sample", "seed"),
          int32("layer"),
          float32("p"),
          int32("dtype"),
          pointer("x", "y", "sample_ids", "draw"));

  public static final Struct SINUSOID =
      Struct.of(
          "hs_sinusoid", int64("n", "dim"), float64("scale", "max_period"), pointer("t", "y"));

  public static final Struct EMBEDDING =
      Struct.of(
          "hs_embedding",
          int64("n", "rows", "dim"),
          int32("accumulate"),
          pointer("ids", "table", "y", "dy", "dtable"));

  public static final Struct LINEAR_COMBINATION =
      Struct.of(
          "hs_linear_combination",
          int64("n", "per_sample"),
          int32("terms", "dtype"),
          pointer("x0", "x1", "x2", "x3", "coefficients", "y"));

  public static final Struct SQUARED_DISTANCE =
      Struct.of(
          "hs_squared_distance",
          int64("n", "per_sample"),
          int32("dtype"),
          pointer("a", "b", "out"));

  public static final Struct SOFTMAX_CROSS_ENTROPY =
      Struct.of(
          "hs_softmax_cross_entropy",
          int64("n", "classes"),
          float32("dloss"),
          pointer("logits", "ids", "losses", "dlogits"));

  public static final Struct ADAM =
      Struct.of(
          "hs_adam",
          int64("count"),
          float64("beta1", "beta2", "eps", "weight_decay"),
          int32("decoupled"),
          pointer("p", "g", "m", "v", "ema", "p_bf16", "values", "square_sum"));

  /** What {@link Kernel#ADAM_STEP} reads when it runs. */
  public static final Struct ADAM_VALUES =
      Struct.of("hs_adam_values", int64("step"), float64("lr", "ema_decay", "clip_norm"));

  public static final Struct SQUARE_SUM =
      Struct.of("hs_square_sum", int64("count"), pointer("x", "out", "workspace"));

  public static final Struct PHILOX_NORMAL =
      Struct.of(
          "hs_philox_normal",
          int64("n", "per_sample"),
          int32("dtype"),
          pointer("y", "key", "sample_ids"));

  /** Those whose kernels take a workspace. */
  static final List<Struct> WITH_WORKSPACE =
      List.of(GROUP_NORM, ATTENTION, WINOGRAD, POINTWISE, SUM_ROWS, SQUARE_SUM);
}
