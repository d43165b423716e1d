package org.halfstep.device.cpu;

import org.halfstep.bindings.NativeLibrary;
import org.halfstep.bindings.OneDnn;
import org.halfstep.device.DataType;

/**
 * What oneDNN says of the processor that it generates code for.
 *
 * @param bits {@code dnnl_cpu_isa_t}: a set contains another when it has all of its bits
 */
record InstructionSet(int bits) {

  /** Of this processor, as ONEDNN_MAX_CPU_ISA limits it. */
  static InstructionSet effective() {
    NativeLibrary.ONEDNN.load();
    return new InstructionSet(OneDnn.dnnl_get_effective_cpu_isa());
  }

  private boolean has(int set) {
    return (bits & set) == set;
  }

  /** Tile instructions, which multiply bfloat16 matrices many times as fast as float32. */
  boolean hasMatrixTiles() {
    return has(OneDnn.dnnl_cpu_isa_avx512_core_amx);
  }

  /** Dot products of bytes with 32-bit sums. */
  boolean hasByteProducts() {
    return has(OneDnn.dnnl_cpu_isa_avx512_core_vnni) || has(OneDnn.dnnl_cpu_isa_avx2_vnni);
  }

  /**
   * The storage type that networks run fastest in: bfloat16 with tiles. Without them, bfloat16
   * convolutions are direct ones, at best twice as fast as direct float32 and at worst half as
   * fast, while float32 has Winograd's.
   */
  DataType fastestType() {
    return hasMatrixTiles() ? DataType.BF16 : DataType.F32;
  }

  /**
   * @throws UnsupportedOperationException when bytes have no exact products
   */
  void requireByteProducts() {
    if (!hasByteProducts()) {
      throw new UnsupportedOperationException(
          "an int8 network needs a processor with VNNI instructions (AVX-512 VNNI or AVX-VNNI),"
              + " which this one lacks; use the float32 model that it was made from");
    }
  }
}
