package org.halfstep.train;

import java.lang.foreign.MemorySegment;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.graph.Shape;

/**
 * Examples whose captions stand behind others in one table, such as those of held-out pictures
 * behind the training's: the same network is told both.
 *
 * @param examples stay the caller's
 * @param first number of their first caption
 */
public record RenumberedExamples(Examples examples, int first) implements Examples {
  @Override
  public int count() {
    return examples.count();
  }

  @Override
  public Shape shape() {
    return examples.shape();
  }

  @Override
  public int conditions() {
    return first + examples.conditions();
  }

  @Override
  public ExampleOrder order(long seed) {
    return examples.order(seed);
  }

  @Override
  public int condition(int index, long example, ExampleDraws draws) {
    return first + examples.condition(index, example, draws);
  }

  @Override
  public void write(
      int index, long example, ExampleDraws draws, MemorySegment destination, long byteOffset) {
    examples.write(index, example, draws, destination, byteOffset);
  }

  @Override
  public int besideChannels() {
    return examples.besideChannels();
  }

  @Override
  public void writeBeside(
      int index, long example, ExampleDraws draws, MemorySegment destination, long byteOffset) {
    examples.writeBeside(index, example, draws, destination, byteOffset);
  }

  @Override
  public String identity() {
    return examples.identity() + ", captions from number " + first + " on";
  }
}
