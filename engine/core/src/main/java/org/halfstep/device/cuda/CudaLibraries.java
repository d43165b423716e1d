package org.halfstep.device.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import org.halfstep.bindings.CublasLt;
import org.halfstep.bindings.CudaLibrary;
import org.halfstep.bindings.Cudnn;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.AttentionAlgorithm;
import org.halfstep.device.AttentionShape;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionRequest;
import org.halfstep.device.Owned;
import org.halfstep.device.cuda.driver.Driver;

/**
 * cuDNN and cuBLASLt on one device: their handles, and what was found out about the shapes in use.
 * The device's context must be current in every thread that calls this or runs a launch.
 * Thread-safe; it must outlive the operations made with it.
 */
final class CudaLibraries implements AutoCloseable {
  private final Kernels kernels;
  private final AttentionAlgorithm attention;
  private final boolean deterministic;
  private final MemorySegment cudnn;
  private final CudnnPlanner planner;
  private final EngineSearch engines;
  private final Owned timing = new Owned();
  private final Matmuls matmuls;
  private final String versions;
  private boolean closed;

  /**
   * Loads the libraries and makes their handles on the current context.
   *
   * @param kernels our own for this device
   * @param driver the GPU's, whose context is current in this thread; plans in the cache are valid
   *     for its name and version
   * @param attention what computes attention
   * @param deterministic whether the same input must give the same bits in every run; attention's
   *     backward pass is then our own, since cuDNN's adds up in the order in which blocks finish,
   *     of which its notes say nothing
   * @throws org.halfstep.bindings.NativeLibraryException if one is not found
   * @throws IllegalArgumentException if {@link PlanningThreads#COUNT} is no number of threads, or
   *     {@link EngineChoice#PROPERTY} no choice
   */
  CudaLibraries(
      Kernels kernels, Driver driver, AttentionAlgorithm attention, boolean deterministic) {
    this.kernels = kernels;
    this.attention = attention;
    this.deterministic = deterministic;
    int planners = PlanningThreads.count();
    EngineChoice choice = EngineChoice.of(deterministic);
    CudaLibrary.CUBLASLT.load();
    CudaLibrary.CUDNN.load();
    this.versions =
        "cuDNN "
            + version(Cudnn.cudnnGetVersion(), 10_000)
            + ", cuBLASLt "
            + version(CublasLt.cublasLtGetVersion(), 10_000);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
      CublasLt.cublasLtCreate(out);
      this.matmuls = new Matmuls(out.get(ValueLayout.ADDRESS, 0));
      try {
        Cudnn.cudnnCreate(out);
      } catch (RuntimeException refused) {
        matmuls.close();
        throw refused;
      }
      this.cudnn = out.get(ValueLayout.ADDRESS, 0);
    }
    Optional<EngineTrials> trials =
        choice == EngineChoice.TIMED
            ? Optional.of(
                new EngineTrials(timing.add(new CudnnPlanTimer(driver)), EngineLog.named()))
            : Optional.empty();
    String environment = driver.gpu().name() + ", CUDA " + driver.gpu().cuda() + ", " + versions;
    this.engines =
        new EngineSearch(
            deterministic, new CudnnPlanCache(CudnnPlanCache.defaultFolder(), environment), trials);
    this.planner =
        new CudnnPlanner(
            engines::plan,
            new PlanningThreads(planners, driver::makeCurrent, CudnnTarget::current));
  }

  /** How engines are chosen. */
  EngineSearch engines() {
    return engines;
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
    WantedPlans plans = new WantedPlans(planner::start, planner::find);
    return new LibraryOperations() {
      @Override
      public Convolution convolution(ConvolutionRequest request) {
        return CublasConvolution.suits(request.shape())
            ? new CublasConvolution(matmuls, kernels, on, request)
            : new CudnnConvolution(CudaLibraries.this, plans, kernels, on, request);
      }

      @Override
      public Optional<LibraryAttention> attention(AttentionShape shape) {
        return attention == AttentionAlgorithm.FASTEST
                && CudnnAttention.suits(shape, Cudnn.cudnnGetVersion())
            ? Optional.of(new CudnnAttention(CudaLibraries.this, plans, on, shape, !deterministic))
            : Optional.empty();
      }
    };
  }

  /**
   * Runs a plan, whatever handle it was made with: this one only brings the stream. It is shared by
   * all streams, so a run sets its own.
   */
  synchronized void execute(MemorySegment stream, CudnnPlan plan, CudnnDescriptor variantPack) {
    Cudnn.cudnnSetStream(cudnn, stream);
    Cudnn.cudnnBackendExecute(cudnn, plan.descriptor().handle(), variantPack.handle());
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      planner.close();
      timing.close();
      Cudnn.cudnnDestroy(cudnn);
      matmuls.close();
    }
  }

  private static String version(long number, int major) {
    return number / major + "." + number % major / 100 + "." + number % 100;
  }
}
