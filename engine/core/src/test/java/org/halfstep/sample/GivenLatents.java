package org.halfstep.sample;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.halfstep.device.Device;

/** What a latent model makes of latents that are given: for tests of other packages. */
public final class GivenLatents implements AutoCloseable {
  private final LatentPipeline pipeline;

  /** The latents and the images that came out, float32, NHWC. */
  public record Made(float[] latents, float[] images) {}

  public GivenLatents(Device device, Path path, ModelOptions options) throws IOException {
    pipeline =
        new LatentPipeline(
            new LatentComponents(device, path, options.withDevice(device)),
            options.withDevice(device));
  }

  /** Whether images are made of texts. */
  public boolean takesPrompts() {
    return pipeline.takesPrompts();
  }

  /**
   * Makes images.
   *
   * @param start float32, NHWC
   */
  public Made of(SampleRequest request, float[] start) {
    int values =
        pipeline.height(request) * pipeline.width(request) * pipeline.channels() * request.count();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment from = arena.allocate((long) Float.BYTES * start.length, Long.BYTES);
      from.copyFrom(MemorySegment.ofArray(start));
      MemorySegment ends = arena.allocate((long) Float.BYTES * start.length, Long.BYTES);
      MemorySegment images = arena.allocate((long) Float.BYTES * values, Long.BYTES);
      pipeline.sample(request, from, ends, images, new Cancellation(), SampleProgress.NONE);
      return new Made(floats(ends), floats(images));
    }
  }

  private static float[] floats(MemorySegment memory) {
    float[] values = new float[(int) (memory.byteSize() / Float.BYTES)];
    MemorySegment.ofArray(values).copyFrom(memory);
    return values;
  }

  @Override
  public void close() {
    pipeline.close();
  }
}
