package org.halfstep.train;

import java.lang.foreign.MemorySegment;
import org.halfstep.data.ImageDataset;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.graph.Shape;
import org.halfstep.latent.LatentCache;

/**
 * Latents of pictures, each drawn anew from what the encoder said of its picture, whose condition
 * is its class.
 *
 * @param pictures their classes; stays the caller's
 * @param latents of the same pictures, in the same order; stays the caller's
 * @param mirror whether pictures are flipped left to right at random
 */
public record LabelledLatents(ImageDataset pictures, LatentCache latents, boolean mirror)
    implements Examples {
  public LabelledLatents {
    new DrawnLatents(latents, mirror).requireOf(pictures.count(), "classes");
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
    return pictures.classNames().size();
  }

  @Override
  public int condition(int index, long example, ExampleDraws draws) {
    return pictures.label(index);
  }

  @Override
  public void write(
      int index, long example, ExampleDraws draws, MemorySegment destination, long byteOffset) {
    drawn().write(index, example, draws, destination, byteOffset);
  }

  @Override
  public String identity() {
    return LabelledImages.identity(pictures) + " as latents" + PhaseRun.DIGEST + latents.sha256();
  }
}
