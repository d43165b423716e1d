package org.halfstep.train;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.graph.Shape;
import org.halfstep.random.Philox;

/**
 * Latents that no autoencoder made: each is another one in every example, and so is its caption.
 *
 * @param count how many
 * @param shape of one
 * @param captions by their numbers
 */
public record RandomLatents(int count, Shape shape, List<String> captions) implements Examples {
  private static final int DRAW = 7;

  @Override
  public int conditions() {
    return captions.size();
  }

  @Override
  public int condition(int index, long example, ExampleDraws draws) {
    return (int) ((index + example) % captions.size());
  }

  @Override
  public void write(
      int index, long example, ExampleDraws draws, MemorySegment destination, long byteOffset) {
    for (int i = 0; i < shape.size(); i++) {
      float value = (float) (4 * Philox.uniform(index, example, DRAW, i) - 2);
      destination.set(ValueLayout.JAVA_FLOAT, byteOffset + (long) Float.BYTES * i, value);
    }
  }

  @Override
  public String identity() {
    return count + " latents of " + shape + " with " + captions;
  }
}
