package org.halfstep.train;

import java.lang.foreign.MemorySegment;
import org.halfstep.data.CaptionedPictures;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.graph.Shape;
import org.halfstep.latent.LatentCache;

/**
 * Latents of pictures, each drawn anew from what the encoder said of its picture, whose condition
 * is the number of a caption, drawn anew from what the picture may be called.
 *
 * @param pictures their captions, and how often each is learned from
 * @param latents of the same pictures, in the same order; stays the caller's
 * @param mirror whether pictures are flipped left to right at random
 */
public record CaptionedLatents(CaptionedPictures pictures, LatentCache latents, boolean mirror)
    implements Examples {
  public CaptionedLatents {
    if (pictures.count() != latents.count()) {
      throw new IllegalArgumentException(
          latents.count()
              + " latents for "
              + pictures.count()
              + " pictures with captions: they are of other data");
    }
  }

  @Override
  public int count() {
    return latents.count();
  }

  @Override
  public Shape shape() {
    return new Shape(latents.height(), latents.width(), latents.channels());
  }

  @Override
  public int conditions() {
    return pictures.texts().all().size();
  }

  @Override
  public ExampleOrder order(long seed) {
    return pictures.order(seed)::at;
  }

  @Override
  public int condition(int index, long example, ExampleDraws draws) {
    return pictures.texts().draw(index, draws.seed(), example);
  }

  @Override
  public void write(
      int index, long example, ExampleDraws draws, MemorySegment destination, long byteOffset) {
    boolean mirrored = mirror && draws.mirrors(example, ExampleDraws.MIRROR_PROBABILITY);
    latents.write(index, mirrored, draws.seed(), example, destination, byteOffset);
  }

  @Override
  public String identity() {
    return latents.count()
        + " latents of "
        + shape()
        + " with "
        + conditions()
        + " captions"
        + PhaseRun.DIGEST
        + sha256();
  }

  /** SHA-256 of the latents, and that of captions and weights, in hexadecimal. */
  public String sha256() {
    return latents.sha256() + " and " + pictures.sha256();
  }
}
