package org.halfstep.train;

import java.util.List;
import org.halfstep.device.Launch;
import org.halfstep.diffusion.ErrorWeight;

/**
 * What a network is trained towards: which time and guidance strength each example gets, and which
 * v it should predict there.
 */
public interface Objective extends AutoCloseable {

  /**
   * Draws time and guidance strength for each row from the row's example number, and changes labels
   * where the objective drops them. Does not allocate.
   */
  void draw(TrainingBatch batch);

  /**
   * Writes what the launches of {@link #target} read about the rows that were drawn, and makes it
   * visible to the device. Does not allocate.
   */
  void write(TrainingBatch batch);

  /**
   * The launches that write the target v of each row, in order, on the stream of {@link
   * TrainingBatch#device}; clean, noise and noised images are there when they run.
   */
  List<Launch> target();

  /** Weight of each row's error; asked for once an update. */
  ErrorWeight weighting();

  @Override
  void close();
}
