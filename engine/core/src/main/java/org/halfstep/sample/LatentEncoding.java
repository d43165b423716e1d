package org.halfstep.sample;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.halfstep.image.ImageBatch;
import org.halfstep.latent.FirstStage;
import org.halfstep.latent.LatentDraw;

/**
 * Pictures on their way to the noise that a latent model makes them of: first stage, then DDIM run
 * backwards. Source: specification 7.5.
 *
 * @param parts of the model, in memory as they are wanted
 * @param request how, and what each picture shows
 * @param pictures as many as the request's images
 * @param factor pixels of an image per pixel of a latent, in each direction
 * @param uses takes what the parts took
 */
record LatentEncoding(
    RunningParts parts,
    SampleRequest request,
    ImageBatch pictures,
    int factor,
    List<ComponentUse> uses) {

  /** The means of the pictures' latents, scaled as the network has them. */
  private FirstStage latents(MemorySegment clean) throws IOException {
    ComponentWatch watch = new ComponentWatch(uses);
    FirstStage firstStage = parts.firstStage(pictures.count());
    watch.opened();
    firstStage.encode(pictures, LatentDraw.mode(), clean);
    watch.done("first stage, encoding");
    return firstStage;
  }

  /**
   * The noise of the pictures.
   *
   * @param contexts of what they show; null for a model of classes
   */
  void codes(
      MemorySegment contexts,
      MemorySegment codes,
      Cancellation cancellation,
      SampleProgress progress,
      Arena arena)
      throws IOException {
    MemorySegment clean = arena.allocate(codes.byteSize(), Long.BYTES);
    latents(clean);
    if (!parts.areKept()) {
      parts.releaseFirstStage();
    }
    cancellation.check();
    ComponentWatch watch = new ComponentWatch(uses);
    Sampler sampler =
        parts.sampler(
            pictures.height() / factor,
            pictures.width() / factor,
            request.count(),
            request.steps());
    watch.opened();
    parts.denoiser().setBeside(null);
    parts.denoiser().setContexts(contexts, null);
    sampler.invert(request, KnownImage.start(clean), codes, cancellation, progress);
    watch.done("UNet, encoding");
  }

  /** What the first stage alone makes of the pictures. */
  void reconstruct(MemorySegment clean, MemorySegment destination) throws IOException {
    latents(clean)
        .decode(
            pictures.count(),
            pictures.height() / factor,
            pictures.width() / factor,
            clean,
            destination);
  }
}
