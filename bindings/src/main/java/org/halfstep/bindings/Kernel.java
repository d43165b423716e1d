package org.halfstep.bindings;

import java.util.Locale;

/**
 * The kernels, in the order of {@code native/include/halfstep_kernels.inc}; {@code halfstep.h} says
 * what each computes.
 */
public enum Kernel {
  CPU_MULTIPLY_ADDS(KernelStructs.CPU_MULTIPLY_ADDS),

  GROUP_NORM_FORWARD(KernelStructs.GROUP_NORM),
  GROUP_NORM_BACKWARD(KernelStructs.GROUP_NORM),
  GROUP_NORM_QUANTIZE(KernelStructs.GROUP_NORM),
  GROUP_NORM_TABLE(KernelStructs.GROUP_NORM),
  GROUP_NORM_APPLY(KernelStructs.GROUP_NORM),
  CHANNEL_MOMENTS(KernelStructs.CHANNEL_MOMENTS),
  QUANTIZE(KernelStructs.QUANTIZE),

  ATTENTION_FORWARD(KernelStructs.ATTENTION),
  ATTENTION_BACKWARD(KernelStructs.ATTENTION),

  WINOGRAD_PACK(KernelStructs.WEIGHT_PACK),
  WINOGRAD_FORWARD(KernelStructs.WINOGRAD),
  WINOGRAD_GRADIENT(KernelStructs.WINOGRAD),
  POINTWISE_PACK(KernelStructs.WEIGHT_PACK),
  POINTWISE_FORWARD(KernelStructs.POINTWISE),
  POINTWISE_GRADIENT(KernelStructs.POINTWISE),
  FILTER_PACK(KernelStructs.FILTER),
  FILTER_UNPACK(KernelStructs.FILTER),
  CONVOLUTION_FORWARD(KernelStructs.CONVOLUTION),

  SILU_FORWARD(KernelStructs.SILU),
  SILU_BACKWARD(KernelStructs.SILU),
  ADD(KernelStructs.ADD),
  CLAMP(KernelStructs.CLAMP),
  CONVERT(KernelStructs.CONVERT),
  UPSAMPLE2_FORWARD(KernelStructs.RESAMPLE),
  UPSAMPLE2_BACKWARD(KernelStructs.RESAMPLE),
  DOWNSAMPLE2_FORWARD(KernelStructs.RESAMPLE),
  DOWNSAMPLE2_BACKWARD(KernelStructs.RESAMPLE),
  POOL(KernelStructs.POOL),
  COPY_COLUMNS(KernelStructs.COPY_COLUMNS),
  ADD_PER_CHANNEL(KernelStructs.ADD_PER_CHANNEL),
  SUM_PIXELS(KernelStructs.SUM_PIXELS),
  SUM_ROWS(KernelStructs.SUM_ROWS),
  DROPOUT(KernelStructs.DROPOUT),

  SINUSOID(KernelStructs.SINUSOID),
  EMBEDDING_FORWARD(KernelStructs.EMBEDDING),
  EMBEDDING_BACKWARD(KernelStructs.EMBEDDING),

  LINEAR_COMBINATION(KernelStructs.LINEAR_COMBINATION),
  SQUARED_DISTANCE(KernelStructs.SQUARED_DISTANCE),
  SOFTMAX_CROSS_ENTROPY(KernelStructs.SOFTMAX_CROSS_ENTROPY),

  ADAM_STEP(KernelStructs.ADAM),
  SQUARE_SUM(KernelStructs.SQUARE_SUM),

  PHILOX_NORMAL(KernelStructs.PHILOX_NORMAL);

  /** What {@code hs_interface} of a library returns that has these kernels with these structs. */
  static final long INTERFACE = hash();

  private final Struct struct;

  Kernel(Struct struct) {
    this.struct = struct;
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
}
