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
 * cuBLASLt's C API (its header {@code cublasLt.h}, CUDA 12 and 13), as far as it is used here.
 * Names, arguments and order are those of C; a pointer that C calls an output is a segment of one
 * address.
 *
 * <p>Functions that return a status in C return nothing here and throw {@link CublasLtException}
 * when it is not success. {@link CudaLibrary#CUBLASLT} should be loaded first: this class needs it
 * when it is initialised, and an error there would come wrapped.
 */
@SuppressWarnings("restricted") // binding C functions is what this class is for
public final class CublasLt {
  private CublasLt() {}

  public static final int CUBLAS_STATUS_SUCCESS = 0;
  public static final int CUBLAS_STATUS_NOT_SUPPORTED = 15;

  public static final int CUDA_R_32F = 0;
  public static final int CUDA_R_16BF = 14;
  public static final int CUBLAS_COMPUTE_32F = 68;
  public static final int CUBLAS_COMPUTE_32F_FAST_TF32 = 77;
  public static final int CUBLAS_OP_N = 0;
  public static final int CUBLAS_OP_T = 1;

  public static final int CUBLASLT_MATMUL_DESC_TRANSA = 3;
  public static final int CUBLASLT_MATMUL_DESC_TRANSB = 4;
  public static final int CUBLASLT_MATMUL_DESC_EPILOGUE = 7;
  public static final int CUBLASLT_MATMUL_DESC_BIAS_POINTER = 8;
  public static final int CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE = 26;

  public static final int CUBLASLT_EPILOGUE_DEFAULT = 1;
  public static final int CUBLASLT_EPILOGUE_RELU = 2;
  public static final int CUBLASLT_EPILOGUE_BIAS = 4;
  public static final int CUBLASLT_EPILOGUE_BGRADB = 512;

  public static final int CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE = 2;

  public static final int CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES = 1;
  public static final int CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK = 3;
  public static final int CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES = 5;
  public static final int CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES = 6;
  public static final int CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES = 7;
  public static final int CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES = 8;

  /** An algorithm; opaque, valid for one version of the library. */
  public static final StructLayout cublasLtMatmulAlgo_t =
      MemoryLayout.structLayout(MemoryLayout.sequenceLayout(8, JAVA_LONG).withName("data"));

  /** One result of {@link #cublasLtMatmulAlgoGetHeuristic}. */
  public static final StructLayout cublasLtMatmulHeuristicResult_t =
      MemoryLayout.structLayout(
          cublasLtMatmulAlgo_t.withName("algo"),
          JAVA_LONG.withName("workspaceSize"),
          JAVA_INT.withName("state"),
          JAVA_FLOAT.withName("wavesCount"),
          MemoryLayout.sequenceLayout(4, JAVA_INT).withName("reserved"));

  private static final MethodHandle cublasLtGetVersion =
      handle("cublasLtGetVersion", FunctionDescriptor.of(JAVA_LONG));
  private static final MethodHandle cublasLtGetStatusString =
      handle("cublasLtGetStatusString", FunctionDescriptor.of(ADDRESS, JAVA_INT));
  private static final MethodHandle cublasLtCreate =
      handle("cublasLtCreate", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle cublasLtDestroy =
      handle("cublasLtDestroy", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle cublasLtMatmulDescCreate =
      handle(
          "cublasLtMatmulDescCreate", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));
  private static final MethodHandle cublasLtMatmulDescDestroy =
      handle("cublasLtMatmulDescDestroy", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle cublasLtMatmulDescSetAttribute =
      handle(
          "cublasLtMatmulDescSetAttribute",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, ADDRESS, JAVA_LONG));
  private static final MethodHandle cublasLtMatrixLayoutCreate =
      handle(
          "cublasLtMatrixLayoutCreate",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle cublasLtMatrixLayoutDestroy =
      handle("cublasLtMatrixLayoutDestroy", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle cublasLtMatmulPreferenceCreate =
      handle("cublasLtMatmulPreferenceCreate", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle cublasLtMatmulPreferenceDestroy =
      handle("cublasLtMatmulPreferenceDestroy", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle cublasLtMatmulPreferenceSetAttribute =
      handle(
          "cublasLtMatmulPreferenceSetAttribute",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, ADDRESS, JAVA_LONG));
  private static final MethodHandle cublasLtMatmulAlgoGetHeuristic =
      handle(
          "cublasLtMatmulAlgoGetHeuristic",
          FunctionDescriptor.of(
              JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, JAVA_INT,
              ADDRESS, ADDRESS));
  private static final MethodHandle cublasLtMatmul =
      handle(
          "cublasLtMatmul",
          FunctionDescriptor.of(
              JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS,
              ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS));

  /** Major * 10000 + minor * 100 + patch level. */
  public static long cublasLtGetVersion() {
    try {
      return (long) cublasLtGetVersion.invokeExact();
    } catch (Throwable failure) {
      throw unexpected("cublasLtGetVersion", failure);
    }
  }

  /** A text that lives as long as the process. */
  public static MemorySegment cublasLtGetStatusString(int status) {
    try {
      return (MemorySegment) cublasLtGetStatusString.invokeExact(status);
    } catch (Throwable failure) {
      throw unexpected("cublasLtGetStatusString", failure);
    }
  }

  public static void cublasLtCreate(MemorySegment lightHandle) {
    int status;
    try {
      status = (int) cublasLtCreate.invokeExact(lightHandle);
    } catch (Throwable failure) {
      throw unexpected("cublasLtCreate", failure);
    }
    check("cublasLtCreate", status);
  }

  public static void cublasLtDestroy(MemorySegment lightHandle) {
    int status;
    try {
      status = (int) cublasLtDestroy.invokeExact(lightHandle);
    } catch (Throwable failure) {
      throw unexpected("cublasLtDestroy", failure);
    }
    check("cublasLtDestroy", status);
  }

  public static void cublasLtMatmulDescCreate(
      MemorySegment matmulDesc, int computeType, int scaleType) {
    int status;
    try {
      status = (int) cublasLtMatmulDescCreate.invokeExact(matmulDesc, computeType, scaleType);
    } catch (Throwable failure) {
      throw unexpected("cublasLtMatmulDescCreate", failure);
    }
    check("cublasLtMatmulDescCreate", status);
  }

  public static void cublasLtMatmulDescDestroy(MemorySegment matmulDesc) {
    int status;
    try {
      status = (int) cublasLtMatmulDescDestroy.invokeExact(matmulDesc);
    } catch (Throwable failure) {
      throw unexpected("cublasLtMatmulDescDestroy", failure);
    }
    check("cublasLtMatmulDescDestroy", status);
  }

  public static void cublasLtMatmulDescSetAttribute(
      MemorySegment matmulDesc, int attr, MemorySegment buf, long sizeInBytes) {
    int status;
    try {
      status = (int) cublasLtMatmulDescSetAttribute.invokeExact(matmulDesc, attr, buf, sizeInBytes);
    } catch (Throwable failure) {
      throw unexpected("cublasLtMatmulDescSetAttribute", failure);
    }
    check("cublasLtMatmulDescSetAttribute", status);
  }

  public static void cublasLtMatrixLayoutCreate(
      MemorySegment matLayout, int type, long rows, long cols, long ld) {
    int status;
    try {
      status = (int) cublasLtMatrixLayoutCreate.invokeExact(matLayout, type, rows, cols, ld);
    } catch (Throwable failure) {
      throw unexpected("cublasLtMatrixLayoutCreate", failure);
    }
    check("cublasLtMatrixLayoutCreate", status);
  }

  public static void cublasLtMatrixLayoutDestroy(MemorySegment matLayout) {
    int status;
    try {
      status = (int) cublasLtMatrixLayoutDestroy.invokeExact(matLayout);
    } catch (Throwable failure) {
      throw unexpected("cublasLtMatrixLayoutDestroy", failure);
    }
    check("cublasLtMatrixLayoutDestroy", status);
  }

  public static void cublasLtMatmulPreferenceCreate(MemorySegment pref) {
    int status;
    try {
      status = (int) cublasLtMatmulPreferenceCreate.invokeExact(pref);
    } catch (Throwable failure) {
      throw unexpected("cublasLtMatmulPreferenceCreate", failure);
    }
    check("cublasLtMatmulPreferenceCreate", status);
  }

  public static void cublasLtMatmulPreferenceDestroy(MemorySegment pref) {
    int status;
    try {
      status = (int) cublasLtMatmulPreferenceDestroy.invokeExact(pref);
    } catch (Throwable failure) {
      throw unexpected("cublasLtMatmulPreferenceDestroy", failure);
    }
    check("cublasLtMatmulPreferenceDestroy", status);
  }

  public static void cublasLtMatmulPreferenceSetAttribute(
      MemorySegment pref, int attr, MemorySegment buf, long sizeInBytes) {
    int status;
    try {
      status = (int) cublasLtMatmulPreferenceSetAttribute.invokeExact(pref, attr, buf, sizeInBytes);
    } catch (Throwable failure) {
      throw unexpected("cublasLtMatmulPreferenceSetAttribute", failure);
    }
    check("cublasLtMatmulPreferenceSetAttribute", status);
  }

  public static void cublasLtMatmulAlgoGetHeuristic(
      MemorySegment lightHandle,
      MemorySegment operationDesc,
      MemorySegment aDesc,
      MemorySegment bDesc,
      MemorySegment cDesc,
      MemorySegment dDesc,
      MemorySegment preference,
      int requestedAlgoCount,
      MemorySegment heuristicResultsArray,
      MemorySegment returnAlgoCount) {
    int status;
    try {
      status =
          (int)
              cublasLtMatmulAlgoGetHeuristic.invokeExact(
                  lightHandle,
                  operationDesc,
                  aDesc,
                  bDesc,
                  cDesc,
                  dDesc,
                  preference,
                  requestedAlgoCount,
                  heuristicResultsArray,
                  returnAlgoCount);
    } catch (Throwable failure) {
      throw unexpected("cublasLtMatmulAlgoGetHeuristic", failure);
    }
    check("cublasLtMatmulAlgoGetHeuristic", status);
  }

  public static void cublasLtMatmul(
      MemorySegment lightHandle,
      MemorySegment computeDesc,
      MemorySegment alpha,
      MemorySegment a,
      MemorySegment aDesc,
      MemorySegment b,
      MemorySegment bDesc,
      MemorySegment beta,
      MemorySegment c,
      MemorySegment cDesc,
      MemorySegment d,
      MemorySegment dDesc,
      MemorySegment algo,
      MemorySegment workspace,
      long workspaceSizeInBytes,
      MemorySegment stream) {
    int status;
    try {
      status =
          (int)
              cublasLtMatmul.invokeExact(
                  lightHandle,
                  computeDesc,
                  alpha,
                  a,
                  aDesc,
                  b,
                  bDesc,
                  beta,
                  c,
                  cDesc,
                  d,
                  dDesc,
                  algo,
                  workspace,
                  workspaceSizeInBytes,
                  stream);
    } catch (Throwable failure) {
      throw unexpected("cublasLtMatmul", failure);
    }
    check("cublasLtMatmul", status);
  }

  private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
    return CudaLibrary.CUBLASLT.function(name, descriptor);
  }

  private static void check(String function, int status) {
    if (status != CUBLAS_STATUS_SUCCESS) {
      throw new CublasLtException(
          function,
          status,
          cublasLtGetStatusString(status).reinterpret(Long.MAX_VALUE).getString(0));
    }
  }

  private static RuntimeException unexpected(String function, Throwable failure) {
    if (failure instanceof Error error) {
      throw error;
    }
    return new IllegalStateException(function + " could not be called: " + failure, failure);
  }
}
