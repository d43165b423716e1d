package org.halfstep.bindings;

import static org.halfstep.bindings.Struct.float32;
import static org.halfstep.bindings.Struct.float64;
import static org.halfstep.bindings.Struct.int32;
import static org.halfstep.bindings.Struct.int64;
import static org.halfstep.bindings.Struct.pointer;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * The kernels, in the order of {@code native/include/halfstep_kernels.inc}, and the structs of
 * their arguments; {@code halfstep.h} says what each computes and what each field means.
 */
public enum Kernel {
  CPU_MULTIPLY_ADDS(Structs.CPU_MULTIPLY_ADDS),

  GROUP_NORM_FORWARD(Structs.GROUP_NORM),
  GROUP_NORM_BACKWARD(Structs.GROUP_NORM),
  GROUP_NORM_QUANTIZE(Structs.GROUP_NORM),
  GROUP_NORM_TABLE(Structs.GROUP_NORM),
  GROUP_NORM_APPLY(Structs.GROUP_NORM),
  CHANNEL_MOMENTS(Structs.CHANNEL_MOMENTS),
  LAYER_NORM_FORWARD(Structs.LAYER_NORM),
  LAYER_NORM_BACKWARD(Structs.LAYER_NORM),
  QUANTIZE(Structs.QUANTIZE),

  ATTENTION_FORWARD(Structs.ATTENTION),
  ATTENTION_BACKWARD(Structs.ATTENTION),

  WINOGRAD_PACK(Structs.WEIGHT_PACK),
  WINOGRAD_FORWARD(Structs.WINOGRAD),
  WINOGRAD_GRADIENT(Structs.WINOGRAD),
  POINTWISE_PACK(Structs.WEIGHT_PACK),
  POINTWISE_FORWARD(Structs.POINTWISE),
  POINTWISE_GRADIENT(Structs.POINTWISE),
  FILTER_PACK(Structs.FILTER),
  FILTER_UNPACK(Structs.FILTER),
  CONVOLUTION_FORWARD(Structs.CONVOLUTION),

  ACTIVATION_FORWARD(Structs.ACTIVATION),
  ACTIVATION_BACKWARD(Structs.ACTIVATION),
  GLU_FORWARD(Structs.GLU),
  GLU_BACKWARD(Structs.GLU),
  ADD(Structs.ADD),
  CLAMP(Structs.CLAMP),
  CONVERT(Structs.CONVERT),
  UPSAMPLE2_FORWARD(Structs.RESAMPLE),
  UPSAMPLE2_BACKWARD(Structs.RESAMPLE),
  DOWNSAMPLE2_FORWARD(Structs.RESAMPLE),
  DOWNSAMPLE2_BACKWARD(Structs.RESAMPLE),
  POOL(Structs.POOL),
  PAD(Structs.PAD),
  CROP(Structs.PAD),
  COPY_COLUMNS(Structs.COPY_COLUMNS),
  ADD_PER_CHANNEL(Structs.ADD_PER_CHANNEL),
  SUM_PIXELS(Structs.SUM_PIXELS),
  SUM_ROWS(Structs.SUM_ROWS),
  DROPOUT(Structs.DROPOUT),

  SINUSOID(Structs.SINUSOID),
  EMBEDDING_FORWARD(Structs.EMBEDDING),
  EMBEDDING_BACKWARD(Structs.EMBEDDING),
  GATHER_FORWARD(Structs.GATHER),
  GATHER_BACKWARD(Structs.GATHER),
  NEAREST_ROW(Structs.NEAREST_ROW),

  LINEAR_COMBINATION(Structs.LINEAR_COMBINATION),
  SQUARED_DISTANCE(Structs.SQUARED_DISTANCE),
  SOFTMAX_CROSS_ENTROPY(Structs.SOFTMAX_CROSS_ENTROPY),

  POSTERIOR_FORWARD(Structs.POSTERIOR),
  POSTERIOR_BACKWARD(Structs.POSTERIOR),
  PICTURE_LOSS(Structs.PICTURE_LOSS),

  ADAM_STEP(Structs.ADAM),
  SQUARE_SUM(Structs.SQUARE_SUM),

  PHILOX_NORMAL(Structs.PHILOX_NORMAL);

  /** What {@link #ADAM_STEP} reads when it runs. */
  public static final Struct ADAM_VALUES =
      Struct.of("hs_adam_values", int64("step"), float64("lr", "ema_decay", "clip_norm"));

  /** Structs with a workspace, whose size a function of the library says. */
  static final List<Struct> WITH_WORKSPACE =
      Arrays.stream(values())
          .map(Kernel::struct)
          .distinct()
          .filter(s -> s.has("workspace"))
          .toList();

  /** What {@code hs_interface} of a library returns that has these kernels with these structs. */
  static final long INTERFACE = hash();

  private final Struct struct;

  Kernel(Struct struct) {
    this.struct = struct;
  }

  /**
   * A kernel by its name in C without "hs_".
   *
   * @throws IllegalArgumentException if there is none
   */
  public static Kernel named(String name) {
    for (Kernel kernel : values()) {
      if (kernel.function().equals("hs_" + name)) {
        return kernel;
      }
    }
    throw new IllegalArgumentException("there is no kernel '" + name + "' in halfstep.h");
  }

  /** The arguments that it takes. */
  public Struct struct() {
    return struct;
  }

  /** FNV-1a over names and sizes. */
  private static long hash() {
    long prime = 0x100000001b3L;
    long hash = 0xcbf29ce484222325L;
    for (Kernel kernel : values()) {
      String line = kernel.function() + " " + kernel.struct.name();
      for (int i = 0; i < line.length(); i++) {
        hash = (hash ^ line.charAt(i)) * prime;
      }
      hash = (hash ^ kernel.struct.layout().byteSize()) * prime;
    }
    return hash;
  }

  /** The name of its C function. */
  public String function() {
    return "hs_" + name().toLowerCase(Locale.ROOT);
  }

  /** Kernels that share a struct read what they need of it. */
  static final class Structs {
    static final Struct CPU_MULTIPLY_ADDS =
        Struct.of("hs_cpu_multiply_adds", int64("turns"), pointer("operations"));

    static final Struct GROUP_NORM =
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

    static final Struct CHANNEL_MOMENTS =
        Struct.of(
            "hs_channel_moments", int64("n", "hw", "c"), int32("dtype"), pointer("x", "moments"));

    static final Struct LAYER_NORM =
        Struct.of(
            "hs_layer_norm",
            int64("rows", "c"),
            int32("dtype", "accumulate"),
            float32("eps"),
            pointer("x", "weight", "bias", "y", "dy", "dx", "dweight", "dbias", "workspace"));

    static final Struct QUANTIZE =
        Struct.of(
            "hs_quantize",
            int64("rows", "c0", "c1"),
            int32("dtype"),
            pointer("x0", "x1", "y", "scale", "zero"));

    static final Struct ATTENTION =
        Struct.of(
            "hs_attention",
            int64("n", "tq", "tk"),
            int32("heads", "d", "causal", "dtype"),
            pointer("q", "k", "v", "y"),
            int64("q_sample", "q_row", "q_head", "k_sample", "k_row", "k_head"),
            int64("v_sample", "v_row", "v_head", "y_sample", "y_row", "y_head"),
            pointer("lengths", "logsumexp", "dy", "dq", "dk", "dv", "workspace"),
            float32("scale"));

    static final Struct WINOGRAD =
        Struct.of(
            "hs_winograd",
            int64("n", "h", "w", "in0", "in1", "out"),
            int32("tile", "silu", "taps", "dtype"),
            pointer("x0", "x1", "table", "packed", "bias", "residual", "y", "moments"),
            pointer("dy", "dweight"),
            int64("stride"),
            pointer("dbias", "workspace"));

    static final Struct POINTWISE =
        Struct.of(
            "hs_pointwise",
            int64("n", "hw", "in0", "in1", "out"),
            pointer("x0", "x1", "table", "packed", "bias", "residual", "y", "moments"),
            pointer("dy", "dweight"),
            int64("stride"),
            pointer("dbias", "workspace"),
            int32("silu", "dtype"));

    static final Struct WEIGHT_PACK =
        Struct.of(
            "hs_weight_pack",
            int64("stride", "in", "out"),
            int32("tile", "taps", "transposed", "dtype"),
            pointer("weight", "packed"));

    static final Struct FILTER =
        Struct.of(
            "hs_filter",
            int64("stride", "in", "out", "taps", "packed_in", "packed_out"),
            int32("dtype"),
            pointer("weight", "packed"));

    static final Struct CONVOLUTION =
        Struct.of(
            "hs_convolution",
            int64("n", "h", "w", "in", "out"),
            int32("side", "dtype"),
            pointer("x", "filter", "bias", "residual", "y"));

    static final Struct ACTIVATION =
        Struct.of(
            "hs_activation",
            int64("count"),
            int32("function", "dtype", "accumulate"),
            pointer("x", "y", "dy", "dx"));

    static final Struct GLU =
        Struct.of(
            "hs_glu",
            int64("rows", "c"),
            int32("function", "dtype", "accumulate"),
            pointer("x", "y", "dy", "dx"));

    static final Struct ADD =
        Struct.of("hs_add", int64("count"), int32("dtype"), pointer("a", "b", "y"));

    static final Struct CLAMP =
        Struct.of(
            "hs_clamp", int64("count"), int32("dtype"), float32("low", "high"), pointer("x", "y"));

    static final Struct CONVERT =
        Struct.of(
            "hs_convert", int64("count"), int32("src_dtype", "dst_dtype"), pointer("src", "dst"));

    static final Struct RESAMPLE =
        Struct.of(
            "hs_resample",
            int64("n", "h", "w", "c"),
            int32("dtype", "accumulate"),
            pointer("x", "y", "dy", "dx"));

    static final Struct POOL =
        Struct.of(
            "hs_pool",
            int64("n", "h", "w", "c"),
            int32("average", "rows", "columns", "stride", "row_padding", "column_padding", "dtype"),
            pointer("x", "y"));

    static final Struct PAD =
        Struct.of(
            "hs_pad",
            int64("n", "h", "w", "c", "out_h", "out_w", "out_c", "top", "left"),
            int32("dtype", "accumulate"),
            pointer("x", "y"));

    static final Struct COPY_COLUMNS =
        Struct.of(
            "hs_copy_columns",
            int64("rows", "columns", "src_stride", "src_offset", "dst_stride", "dst_offset"),
            int32("dtype", "accumulate"),
            pointer("src", "dst"));

    static final Struct ADD_PER_CHANNEL =
        Struct.of(
            "hs_add_per_channel",
            int64("n", "hw", "c", "e_stride"),
            int32("dtype"),
            pointer("x", "e", "y"));

    static final Struct SUM_PIXELS =
        Struct.of(
            "hs_sum_pixels",
            int64("n", "hw", "c", "out_stride"),
            int32("dtype"),
            pointer("x", "out"));

    static final Struct SUM_ROWS =
        Struct.of(
            "hs_sum_rows",
            int64("rows", "c"),
            int32("dtype", "accumulate"),
            pointer("x", "out", "workspace"));

    static final Struct DROPOUT =
        Struct.of(
            "hs_dropout",
            int64("n", "per_sample", "seed"),
            int32("layer"),
            float32("p"),
            int32("dtype"),
            pointer("x", "y", "sample_ids", "draw"));

    static final Struct SINUSOID =
        Struct.of(
            "hs_sinusoid",
            int64("n", "dim"),
            float64("scale", "max_period"),
            int32("sines_first", "reach_period"),
            pointer("t", "y"));

    static final Struct EMBEDDING =
        Struct.of(
            "hs_embedding",
            int64("n", "rows", "dim"),
            int32("accumulate"),
            pointer("ids", "table", "y", "dy", "dtable"));

    static final Struct GATHER =
        Struct.of(
            "hs_gather",
            int64("n", "t", "c"),
            int32("dtype", "accumulate"),
            pointer("ids", "x", "y", "dy", "dx"));

    static final Struct NEAREST_ROW =
        Struct.of(
            "hs_nearest_row",
            int64("rows", "dim", "entries"),
            int32("dtype"),
            pointer("x", "table", "ids"));

    static final Struct LINEAR_COMBINATION =
        Struct.of(
            "hs_linear_combination",
            int64("n", "per_sample"),
            int32("terms", "dtype"),
            pointer("x0", "x1", "x2", "x3", "coefficients", "y"));

    static final Struct SQUARED_DISTANCE =
        Struct.of(
            "hs_squared_distance",
            int64("n", "per_sample"),
            int32("dtype"),
            pointer("a", "b", "out"));

    static final Struct SOFTMAX_CROSS_ENTROPY =
        Struct.of(
            "hs_softmax_cross_entropy",
            int64("n", "classes"),
            float32("dloss"),
            pointer("logits", "ids", "losses", "dlogits"));

    static final Struct POSTERIOR =
        Struct.of(
            "hs_posterior",
            int64("n", "hw", "c"),
            int32("accumulate"),
            float32("weight"),
            pointer("moments", "noise", "z", "divergence", "dz", "dmoments"));

    static final Struct PICTURE_LOSS =
        Struct.of(
            "hs_picture_loss",
            int64("n", "h", "w", "c"),
            int32("scales"),
            float32("edges", "factor"),
            pointer("x", "y", "dx", "losses"));

    static final Struct ADAM =
        Struct.of(
            "hs_adam",
            int64("count"),
            float64("beta1", "beta2", "eps", "weight_decay"),
            int32("decoupled"),
            pointer("p", "g", "m", "v", "ema", "p_bf16", "values", "square_sum"));

    static final Struct SQUARE_SUM =
        Struct.of("hs_square_sum", int64("count"), pointer("x", "out", "workspace"));

    static final Struct PHILOX_NORMAL =
        Struct.of(
            "hs_philox_normal",
            int64("n", "per_sample"),
            int32("dtype"),
            pointer("y", "key", "sample_ids"));
  }
}
