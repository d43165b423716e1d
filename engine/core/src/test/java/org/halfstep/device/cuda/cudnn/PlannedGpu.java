package org.halfstep.device.cuda.cudnn;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Optional;
import org.halfstep.bindings.CudaLibrary;
import org.halfstep.bindings.Cudnn;
import org.halfstep.bindings.NativeLibraryException;
import org.halfstep.device.cuda.driver.CudaUnavailableException;
import org.halfstep.device.cuda.driver.LwjglDriver;

/** What tests plan for: the GPU that is there, else an H200 that is not, as cuDNN describes it. */
final class PlannedGpu {
  /** The first cuDNN that plans for a described device, as it counts versions. */
  private static final int LEAST_VERSION = 90_800;

  private static final String PROPERTIES =
      """
      {"cudaDeviceId": 0, "deviceName": "NVIDIA H200", "deviceVer": 900, "driverVer": 13000,
       "totalGlobalMem": 150000000000, "maxGridSize": [2147483647, 65535, 65535],
       "maxBlockSize": [1024, 1024, 64], "regsPerBlock": 65536, "multiProcessorCount": 132,
       "warpSize": 32, "maxSharedMemoryPerBlock": 49152, "maxSharedMemoryPerBlockOptin": 232448,
       "reservedSharedMemoryPerBlock": 1024, "maxRegistersPerSM": 65536, "maxCtasPerSM": 32,
       "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048, "pciDeviceId": 0, "isTccDriver": 0,
       "supportCoopLaunch": 1, "smClockRateKHz": 1980000, "memClockRateKHz": 3201000,
       "l2CacheSize": 62914560}
      """;

  /** Open until the process ends. */
  private static final Optional<LwjglDriver> DRIVER = open();

  private PlannedGpu() {}

  /** The GPU that is there. */
  static Optional<LwjglDriver> driver() {
    return DRIVER;
  }

  private static Optional<LwjglDriver> open() {
    try {
      return Optional.of(LwjglDriver.open(0));
    } catch (CudaUnavailableException | NativeLibraryException | LinkageError absent) {
      return Optional.empty();
    }
  }

  /** Skips tests where nothing can be planned, and says what is planned for where it can. */
  static void requireCudnn() {
    try {
      // cuDNN ends the process where it does not find the other.
      CudaLibrary.CUBLASLT.load();
      CudaLibrary.CUDNN.load();
    } catch (NativeLibraryException absent) {
      assumeTrue(false, "cuDNN and cuBLASLt were not found, so nothing can be planned");
    }
    long version = Cudnn.cudnnGetVersion();
    assumeTrue(
        DRIVER.isPresent() || version >= LEAST_VERSION,
        "cuDNN " + version + " plans only for devices that are there");
    System.out.println(
        "cuDNN "
            + version
            + " plans for "
            + DRIVER.map(driver -> driver.gpu().name()).orElse("a described H200"));
  }

  static CudnnPlanner planner(boolean deterministic, CudnnPlanCache cache, int threads) {
    return planner(new EngineSearch(deterministic, cache, Optional.empty()), threads);
  }

  static CudnnPlanner planner(EngineSearch search, int threads) {
    return new CudnnPlanner(
        search::plan,
        DRIVER
            .map(gpu -> new PlanningThreads(threads, gpu::makeCurrent, CudnnTarget::current))
            .orElseGet(() -> new PlanningThreads(threads, () -> {}, PlannedGpu::described)));
  }

  private static CudnnTarget described() {
    return CudnnTarget.described(PROPERTIES);
  }
}
