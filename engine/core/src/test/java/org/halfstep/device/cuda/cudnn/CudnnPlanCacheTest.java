package org.halfstep.device.cuda.cudnn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Stream;
import org.halfstep.bindings.CudnnException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CudnnPlanCacheTest {
  @TempDir Path folder;

  private Path onlyFile() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.reduce((a, b) -> a.compareTo(b) < 0 ? a : b).orElseThrow();
    }
  }

  @Test
  void whatIsStoredIsFoundAgainByAnotherProcess() throws IOException {
    new CudnnPlanCache(folder.resolve("deep/er"), "gpu 1").store("shape", "{\"plan\":\n 1}\n");
    CudnnPlanCache other = new CudnnPlanCache(folder.resolve("deep/er"), "gpu 1");
    assertEquals(Optional.of("{\"plan\":\n 1}\n"), other.load("shape"));
    assertEquals(Optional.empty(), other.load("another shape"));
    other.remove("shape");
    assertEquals(Optional.empty(), other.load("shape"));
  }

  @Test
  void plansOfAnotherGpuDriverOrVersionAreNotUsed() throws IOException {
    new CudnnPlanCache(folder, "gpu 1, cuDNN 9.1").store("shape", "plan");
    assertEquals(Optional.empty(), new CudnnPlanCache(folder, "gpu 1, cuDNN 9.2").load("shape"));
    // Not even when a file of theirs lies where ours would.
    CudnnPlanCache ours = new CudnnPlanCache(folder, "gpu 2");
    Path foreign = onlyFile();
    byte[] content = Files.readAllBytes(foreign);
    Files.delete(foreign);
    ours.store("shape", "ours");
    Files.write(onlyFile(), content);
    assertEquals(Optional.empty(), ours.load("shape"));
  }

  @Test
  void damagedFilesAreNotUsed() throws IOException {
    CudnnPlanCache cache = new CudnnPlanCache(folder, "gpu");
    cache.store("shape", "a plan of some length");
    byte[] whole = Files.readAllBytes(onlyFile());
    for (int at = 0; at < whole.length; at++) {
      byte[] flipped = whole.clone();
      flipped[at] ^= 1;
      Files.write(onlyFile(), flipped);
      assertEquals(Optional.empty(), cache.load("shape"), "byte " + at);
    }
    for (int length = 0; length < whole.length; length++) {
      Files.write(onlyFile(), Arrays.copyOf(whole, length));
      assertEquals(Optional.empty(), cache.load("shape"), "length " + length);
    }
  }

  @Test
  void aFolderThatCannotBeWrittenIsDoneWithout() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "in the way");
    CudnnPlanCache cache = new CudnnPlanCache(file, "gpu");
    cache.store("shape", "plan");
    assertEquals(Optional.empty(), cache.load("shape"));
    CudnnPlanCache none = new CudnnPlanCache(null, "gpu");
    none.store("shape", "plan");
    none.remove("shape");
    assertEquals(Optional.empty(), none.load("shape"));
    assertTrue(Files.isRegularFile(file));
  }

  @Test
  void aPlanThatCannotBeWrittenAsTextIsNoFailure() {
    CudnnPlanCache cache = new CudnnPlanCache(folder, "gpu");
    EngineSearch.keep(
        cache,
        "key",
        () -> {
          throw new CudnnException(
              "cudnnBackendGetAttribute", 3000, "CUDNN_STATUS_NOT_SUPPORTED", "");
        });
    assertTrue(cache.load("key").isEmpty());
    EngineSearch.keep(cache, "key", () -> "{}");
    assertEquals("{}", cache.load("key").orElseThrow());
  }
}
