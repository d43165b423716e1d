package org.halfstep.train;

import java.lang.foreign.MemorySegment;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.graph.Shape;

/**
 * What a diffusion model is trained on: images or latents, each with a condition, which is the
 * number of a class or of a caption. Everything random is a function of the example's number, so
 * the same example is the same in a resumed run. Reading does not allocate.
 */
public interface Examples {
  /** How many images there are. */
  int count();

  /** Extents of one. */
  Shape shape();

  /** How many conditions there are; their numbers run from 0, and the next one stands for none. */
  int conditions();

  /**
   * In which order they come.
   *
   * @param seed of the stage
   */
  default ExampleOrder order(long seed) {
    return ExampleOrder.shuffled(seed, count());
  }

  /**
   * The condition of an example.
   *
   * @param index of the image
   * @param example number of the example since the start of the stage
   */
  int condition(int index, long example, ExampleDraws draws);

  /**
   * Writes the clean values of an example, float32 HWC.
   *
   * @param index of the image
   * @param example number of the example since the start of the stage
   */
  void write(
      int index, long example, ExampleDraws draws, MemorySegment destination, long byteOffset);

  /** Channels that an inpainting network sees beside a noised latent; 0 for others. */
  default int besideChannels() {
    return 0;
  }

  /**
   * Writes what is seen beside an example, float32 HWC of {@link #besideChannels}.
   *
   * @param index of the image
   * @param example number of the example since the start of the stage
   */
  default void writeBeside(
      int index, long example, ExampleDraws draws, MemorySegment destination, long byteOffset) {}

  /**
   * What they are, in one line, with a SHA-256: what a run's settings do not say of what is
   * written. Equal for equal examples only.
   */
  String identity();
}
