package org.halfstep.device.cuda;

/** An H200 that need not be there, as cuDNN describes it. */
final class DescribedH200 {
  /** The first cuDNN that plans for a described device, as it counts versions. */
  static final int LEAST_VERSION = 90_800;

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

  private DescribedH200() {}

  static CudnnPlanner planner(boolean deterministic, PlanCache cache, int threads) {
    return new CudnnPlanner(
        new EngineSearch(deterministic, cache)::plan,
        new PlanningThreads(threads, () -> {}, DescribedH200::target));
  }

  private static CudnnTarget target() {
    return CudnnTarget.described(PROPERTIES);
  }
}
