package org.halfstep.device.cuda;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.halfstep.bindings.CublasLt;
import org.halfstep.bindings.CudaLibrary;
import org.halfstep.bindings.Cudnn;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.AttentionAlgorithm;
import org.halfstep.device.AttentionShape;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionRequest;
import org.halfstep.device.cuda.cublas.CublasConvolution;
import org.halfstep.device.cuda.cublas.Matmuls;
import org.halfstep.device.cuda.cudnn.CudnnLibrary;
import org.halfstep.device.cuda.driver.Driver;
import org.halfstep.device.cuda.library.LibraryAttention;
import org.halfstep.device.cuda.library.LibraryOperations;

/**
 * cuDNN and cuBLASLt on one device, and which of them computes what. The device's context must be
 * current in every thread that calls this or runs a launch. Thread-safe; it must outlive the
 * operations made with it.
 */
final class CudaLibraries implements AutoCloseable {
  private static final int MAJOR = 10_000;

  private final Kernels kernels;
  private final AttentionAlgorithm attention;
  private final Matmuls matmuls;
  private final CudnnLibrary cudnn;
  private final String versions;
  private boolean closed;

  /**
   * Loads the libraries and makes their handles on the current context.
   *
   * @param kernels our own for this device
   * @param driver the GPU's, whose context is current in this thread; plans in the cache are valid
   *     for its name and version
   * @param attention what computes attention
   * @param deterministic whether the same input must give the same bits in every run
   * @throws org.halfstep.bindings.NativeLibraryException if one is not found
   * @throws IllegalArgumentException if a system property that says how cuDNN plans says nothing
   */
  CudaLibraries(
      Kernels kernels, Driver driver, AttentionAlgorithm attention, boolean deterministic) {
    this.kernels = kernels;
    this.attention = attention;
    CudaLibrary.CUBLASLT.load();
    CudaLibrary.CUDNN.load();
    this.versions =
        "cuDNN "
            + version(Cudnn.cudnnGetVersion())
            + ", cuBLASLt "
            + version(CublasLt.cublasLtGetVersion());
    String environment = driver.gpu().name() + ", CUDA " + driver.gpu().cuda() + ", " + versions;
    this.matmuls = Matmuls.create();
    try {
      this.cudnn = new CudnnLibrary(kernels, driver, deterministic, environment);
    } catch (RuntimeException refused) {
      matmuls.close();
      throw refused;
    }
  }

  /** How its plans are made. */
  CudnnLibrary cudnn() {
    return cudnn;
  }

  /** "cuDNN 9.24.0, cuBLASLt 13.1.1". */
  public String versions() {
    return versions;
  }

  /**
   * What these libraries compute, with launches that go to a stream.
   *
   * @param stream a {@code CUstream}
   */
  LibraryOperations operations(long stream) {
    MemorySegment on = MemorySegment.ofAddress(stream);
    LibraryOperations others = cudnn.operations(on);
    return new LibraryOperations() {
      @Override
      public Convolution convolution(ConvolutionRequest request) {
        return CublasConvolution.suits(request.shape())
            ? new CublasConvolution(matmuls, kernels, on, request)
            : others.convolution(request);
      }

      @Override
      public Optional<LibraryAttention> attention(AttentionShape shape) {
        return attention == AttentionAlgorithm.FASTEST ? others.attention(shape) : Optional.empty();
      }
    };
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      cudnn.close();
      matmuls.close();
    }
  }

  private static String version(long number) {
    return number / MAJOR + "." + number % MAJOR / 100 + "." + number % 100;
  }
}
