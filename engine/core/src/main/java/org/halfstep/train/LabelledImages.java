package org.halfstep.train;

import java.lang.foreign.MemorySegment;
import org.halfstep.data.ImageDataset;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.graph.Shape;

/**
 * Images whose condition is their class.
 *
 * @param data stays the caller's
 * @param mirror whether images are flipped left to right at random
 */
public record LabelledImages(ImageDataset data, boolean mirror) implements Examples {
  @Override
  public int count() {
    return data.count();
  }

  @Override
  public Shape shape() {
    return new Shape(data.height(), data.width(), data.channels());
  }

  @Override
  public int conditions() {
    return data.classNames().size();
  }

  @Override
  public int condition(int index, long example, ExampleDraws draws) {
    return data.label(index);
  }

  @Override
  public void write(
      int index, long example, ExampleDraws draws, MemorySegment destination, long byteOffset) {
    write(data, mirror, index, example, draws, destination, byteOffset);
  }

  /** Writes an image, flipped where that is drawn. */
  static void write(
      ImageDataset data,
      boolean mirror,
      int index,
      long example,
      ExampleDraws draws,
      MemorySegment destination,
      long byteOffset) {
    data.copyNormalized(
        index,
        mirror && draws.mirrors(example, ExampleDraws.MIRROR_PROBABILITY),
        destination,
        byteOffset);
  }

  @Override
  public String identity() {
    return identity(data);
  }

  /** What images are, in one line, however they are flipped: that is among a run's settings. */
  static String identity(ImageDataset data) {
    return data.count()
        + " images of "
        + data.height()
        + "x"
        + data.width()
        + "x"
        + data.channels()
        + " in "
        + data.classNames().size()
        + " classes"
        + PhaseRun.DIGEST
        + data.sha256();
  }
}
