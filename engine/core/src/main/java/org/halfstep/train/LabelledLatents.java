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
    if (pictures.count() != latents.count()) {
      throw new IllegalArgumentException(
          latents.count()
              + " latents for "
              + pictures.count()
              + " pictures with classes: they are of other data");
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
    return pictures.classNames().size();
  }

  @Override
  public int condition(int index, long example, ExampleDraws draws) {
    return pictures.label(index);
  }

  @Override
  public void write(
      int index, long example, ExampleDraws draws, MemorySegment destination, long byteOffset) {
    boolean mirrored = mirror && draws.mirrors(example, ExampleDraws.MIRROR_PROBABILITY);
    latents.write(index, mirrored, draws.seed(), example, destination, byteOffset);
  }

  @Override
  public String identity() {
    return LabelledImages.identity(pictures) + " as latents" + PhaseRun.DIGEST + latents.sha256();
  }
}
