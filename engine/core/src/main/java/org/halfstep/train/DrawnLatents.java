package org.halfstep.train;

import java.lang.foreign.MemorySegment;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.graph.Shape;
import org.halfstep.latent.LatentCache;

/**
 * Latents of pictures, each drawn anew from what the encoder said of its picture, or of its mirror
 * image.
 *
 * @param cache stays the caller's
 * @param mirror whether pictures are flipped left to right at random
 */
record DrawnLatents(LatentCache cache, boolean mirror) {
  /**
   * Fails unless there is one for each picture.
   *
   * @param kind what the pictures have: "captions", "classes"
   */
  DrawnLatents requireOf(int pictures, String kind) {
    if (pictures != cache.count()) {
      throw new IllegalArgumentException(
          cache.count()
              + " latents for "
              + pictures
              + " pictures with "
              + kind
              + ": they are of other data");
    }
    return this;
  }

  Shape shape() {
    return new Shape(cache.height(), cache.width(), cache.channels());
  }

  void write(
      int index, long example, ExampleDraws draws, MemorySegment destination, long byteOffset) {
    boolean mirrored = mirror && draws.mirrors(example, ExampleDraws.MIRROR_PROBABILITY);
    cache.write(index, mirrored, draws.seed(), example, destination, byteOffset);
  }
}
