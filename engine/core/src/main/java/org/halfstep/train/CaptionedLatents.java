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
    new DrawnLatents(latents, mirror).requireOf(pictures.count(), "captions");
  }

  private DrawnLatents drawn() {
    return new DrawnLatents(latents, mirror);
  }

  @Override
  public int count() {
    return latents.count();
  }

  @Override
  public Shape shape() {
    return drawn().shape();
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
    drawn().write(index, example, draws, destination, byteOffset);
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
