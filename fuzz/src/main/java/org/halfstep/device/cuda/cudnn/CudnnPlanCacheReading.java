package org.halfstep.device.cuda.cudnn;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Lets a fuzzer at the cache of execution plans, which only its package sees. */
public final class CudnnPlanCacheReading {
  private static final String KEY = "key";

  private CudnnPlanCacheReading() {}

  /** A cache with one whole plan; its only file is returned. */
  public static Path store(Path folder) throws IOException {
    new CudnnPlanCache(folder, "a GPU").store(KEY, "{\"plan\": 1}");
    try (Stream<Path> files = Files.list(folder)) {
      return files.findFirst().orElseThrow();
    }
  }

  /** Asks for the plan. */
  public static void load(Path folder) {
    new CudnnPlanCache(folder, "a GPU").load(KEY);
  }
}
