package org.halfstep.device.cuda.cublas;

import org.halfstep.bindings.CublasLt;
import org.halfstep.device.DataType;

/**
 * A matrix product as cuBLASLt sees it, columns first: D [m, n] = op(A) op(B), op(A) [m, k], plus C
 * where it accumulates, plus a bias per row of D.
 *
 * @param transposeA whether op(A) is A's transpose; then A is [k, m]
 * @param aStride elements between columns of A
 * @param factors storage of A and B, and how they are multiplied
 * @param result storage of C and D
 * @param epilogue one of {@code CUBLASLT_EPILOGUE_...}
 * @param accumulate whether C is added; it is [m, n] and lies as D does
 * @param alignment bytes of which all addresses are multiples
 */
record Matmul(
    long m,
    long n,
    long k,
    boolean transposeA,
    long aStride,
    boolean transposeB,
    long bStride,
    long dStride,
    DataType factors,
    DataType result,
    int epilogue,
    boolean accumulate,
    int alignment) {

  boolean hasBias() {
    return epilogue != CublasLt.CUBLASLT_EPILOGUE_DEFAULT
        && epilogue != CublasLt.CUBLASLT_EPILOGUE_RELU;
  }

  int computeType() {
    return switch (factors) {
      case F32, BF16 -> CublasLt.CUBLAS_COMPUTE_32F;
      case TF32 -> CublasLt.CUBLAS_COMPUTE_32F_FAST_TF32;
      case U8 -> throw new IllegalArgumentException("bytes are multiplied on the CPU only");
      case F16, I8, I32 -> throw new IllegalArgumentException("cuBLASLt multiplies no " + factors);
    };
  }

  static int cudaType(DataType type) {
    return type == DataType.BF16 ? CublasLt.CUDA_R_16BF : CublasLt.CUDA_R_32F;
  }
}
