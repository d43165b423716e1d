package org.halfstep.device.cuda.cublas;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.halfstep.bindings.CublasLt;
import org.halfstep.bindings.CublasLtException;
import org.halfstep.device.Launch;
import org.halfstep.device.Owned;

/**
 * Matrix products by cuBLASLt. The algorithm for a shape is found once, by the library's
 * heuristics, and kept. Products that are split along k add their parts in a fixed order: the same
 * input gives the same bits in every run.
 */
public final class Matmuls implements AutoCloseable {
  /** What NVIDIA advises for Hopper; shared by everything that does not run at the same time. */
  static final long WORKSPACE_BYTES = 32L << 20;

  private static final long WORKSPACE_ALIGNMENT = 256;

  /** A result: its algorithm, and how the factors of the equation are laid out. */
  private static final long STATE =
      CublasLt.cublasLtMatmulHeuristicResult_t.byteOffset(PathElement.groupElement("state"));

  private final MemorySegment handle;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment one = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1);
  private final MemorySegment zero = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 0);
  private final Map<Matmul, Optional<MemorySegment>> algorithms = new HashMap<>();

  private Matmuls(MemorySegment handle) {
    this.handle = handle;
  }

  /** Makes a handle on the current context; the library is loaded. */
  public static Matmuls create() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
      CublasLt.cublasLtCreate(out);
      return new Matmuls(out.get(ValueLayout.ADDRESS, 0));
    }
  }

  /** Whether the library can do it. */
  boolean supports(Matmul product) {
    try (Owned descriptors = new Owned()) {
      return algorithm(product, new Descriptors(product, product.alignment(), descriptors))
          .isPresent();
    }
  }

  /**
   * Binds a product to memory.
   *
   * @param owned frees what belongs to the launch
   * @param c 0 unless the product accumulates; may be d
   * @param bias 0 unless the epilogue has one
   * @param workspace {@link #WORKSPACE_BYTES} bytes
   */
  Launch bind(
      Owned owned,
      MemorySegment stream,
      Matmul product,
      long a,
      long b,
      long c,
      long d,
      long bias,
      long workspace) {
    if (workspace % WORKSPACE_ALIGNMENT != 0) {
      throw new IllegalArgumentException(
          "cuBLASLt's workspace starts at a multiple of " + WORKSPACE_ALIGNMENT + " bytes");
    }
    Descriptors descriptors = new Descriptors(product, bias, owned);
    MemorySegment algorithm =
        algorithm(product, descriptors)
            .orElseThrow(
                () -> new IllegalStateException("cuBLASLt has no algorithm for " + product));
    MemorySegment first = MemorySegment.ofAddress(a);
    MemorySegment second = MemorySegment.ofAddress(b);
    MemorySegment result = MemorySegment.ofAddress(d);
    MemorySegment added = MemorySegment.ofAddress(product.accumulate() ? c : d);
    MemorySegment beta = product.accumulate() ? one : zero;
    MemorySegment room = MemorySegment.ofAddress(workspace);
    return () ->
        CublasLt.cublasLtMatmul(
            handle,
            descriptors.operation,
            one,
            first,
            descriptors.a,
            second,
            descriptors.b,
            beta,
            added,
            descriptors.d,
            result,
            descriptors.d,
            algorithm,
            room,
            WORKSPACE_BYTES,
            stream);
  }

  private synchronized Optional<MemorySegment> algorithm(Matmul product, Descriptors descriptors) {
    return algorithms.computeIfAbsent(product, missing -> find(product, descriptors));
  }

  private Optional<MemorySegment> find(Matmul product, Descriptors descriptors) {
    try (Arena local = Arena.ofConfined();
        Owned owned = new Owned()) {
      MemorySegment preference =
          create(
              local,
              owned,
              CublasLt::cublasLtMatmulPreferenceCreate,
              CublasLt::cublasLtMatmulPreferenceDestroy);
      prefer(
          preference,
          CublasLt.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
          local.allocateFrom(ValueLayout.JAVA_LONG, WORKSPACE_BYTES));
      prefer(
          preference,
          CublasLt.CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
          local.allocateFrom(
              ValueLayout.JAVA_INT, CublasLt.CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
      MemorySegment alignment = local.allocateFrom(ValueLayout.JAVA_INT, product.alignment());
      prefer(preference, CublasLt.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment);
      prefer(preference, CublasLt.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment);
      prefer(preference, CublasLt.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment);
      prefer(preference, CublasLt.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment);
      MemorySegment results = arena.allocate(CublasLt.cublasLtMatmulHeuristicResult_t);
      MemorySegment found = local.allocate(ValueLayout.JAVA_INT);
      CublasLt.cublasLtMatmulAlgoGetHeuristic(
          handle,
          descriptors.operation,
          descriptors.a,
          descriptors.b,
          descriptors.d,
          descriptors.d,
          preference,
          1,
          results,
          found);
      boolean usable =
          found.get(ValueLayout.JAVA_INT, 0) > 0
              && results.get(ValueLayout.JAVA_INT, STATE) == CublasLt.CUBLAS_STATUS_SUCCESS;
      // The algorithm is the result's first member.
      return usable ? Optional.of(results) : Optional.empty();
    } catch (CublasLtException refused) {
      if (refused.status() == CublasLt.CUBLAS_STATUS_NOT_SUPPORTED) {
        return Optional.empty();
      }
      throw refused;
    }
  }

  private static void prefer(MemorySegment preference, int attribute, MemorySegment value) {
    CublasLt.cublasLtMatmulPreferenceSetAttribute(preference, attribute, value, value.byteSize());
  }

  @FunctionalInterface
  private interface Constructor {
    void create(MemorySegment out);
  }

  private static MemorySegment create(
      Arena arena, Owned owned, Constructor constructor, Consumer<MemorySegment> destructor) {
    MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
    constructor.create(out);
    MemorySegment created = out.get(ValueLayout.ADDRESS, 0);
    owned.add(() -> destructor.accept(created));
    return created;
  }

  @Override
  public void close() {
    CublasLt.cublasLtDestroy(handle);
    arena.close();
  }

  /** cuBLASLt's description of one product. */
  private static final class Descriptors {
    final MemorySegment operation;
    final MemorySegment a;
    final MemorySegment b;
    final MemorySegment d;

    /**
     * @param bias where the bias or its gradient is; heuristics look at its alignment only
     * @param owned destroys the descriptors
     */
    Descriptors(Matmul product, long bias, Owned owned) {
      try (Arena local = Arena.ofConfined()) {
        operation =
            create(
                local,
                owned,
                out ->
                    CublasLt.cublasLtMatmulDescCreate(
                        out, product.computeType(), CublasLt.CUDA_R_32F),
                CublasLt::cublasLtMatmulDescDestroy);
        describe(local, CublasLt.CUBLASLT_MATMUL_DESC_TRANSA, transposition(product.transposeA()));
        describe(local, CublasLt.CUBLASLT_MATMUL_DESC_TRANSB, transposition(product.transposeB()));
        describe(local, CublasLt.CUBLASLT_MATMUL_DESC_EPILOGUE, product.epilogue());
        if (product.hasBias()) {
          describe(
              local,
              CublasLt.CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE,
              Matmul.cudaType(product.result()));
          MemorySegment pointer = local.allocateFrom(ValueLayout.JAVA_LONG, bias);
          CublasLt.cublasLtMatmulDescSetAttribute(
              operation, CublasLt.CUBLASLT_MATMUL_DESC_BIAS_POINTER, pointer, pointer.byteSize());
        }
        int factors = Matmul.cudaType(product.factors());
        long m = product.m();
        long n = product.n();
        long k = product.k();
        a =
            product.transposeA()
                ? layout(local, owned, factors, k, m, product.aStride())
                : layout(local, owned, factors, m, k, product.aStride());
        b =
            product.transposeB()
                ? layout(local, owned, factors, n, k, product.bStride())
                : layout(local, owned, factors, k, n, product.bStride());
        d = layout(local, owned, Matmul.cudaType(product.result()), m, n, product.dStride());
      }
    }

    private static int transposition(boolean transposed) {
      return transposed ? CublasLt.CUBLAS_OP_T : CublasLt.CUBLAS_OP_N;
    }

    private void describe(Arena local, int attribute, int value) {
      MemorySegment buffer = local.allocateFrom(ValueLayout.JAVA_INT, value);
      CublasLt.cublasLtMatmulDescSetAttribute(operation, attribute, buffer, buffer.byteSize());
    }

    private static MemorySegment layout(
        Arena local, Owned owned, int type, long rows, long columns, long stride) {
      return create(
          local,
          owned,
          out -> CublasLt.cublasLtMatrixLayoutCreate(out, type, rows, columns, stride),
          CublasLt::cublasLtMatrixLayoutDestroy);
    }
  }
}
