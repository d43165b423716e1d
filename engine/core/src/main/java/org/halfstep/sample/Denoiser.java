package org.halfstep.sample;

import java.util.List;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.diffusion.Solver;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.graph.Plan;
import org.halfstep.model.ModelCard;

/**
 * A network that predicts from noisy images of one size, whatever else it is given: a teacher or a
 * student, of pixels or of latents.
 */
interface Denoiser {
  /** Where it computes. */
  Device device();

  /** What it was trained to be. */
  ModelCard card();

  /** Rows of what it denoises. */
  int height();

  /** Columns of what it denoises. */
  int width();

  /** Channels of what it denoises. */
  int channels();

  /** Numbers of one image. */
  default int values() {
    return height() * width() * channels();
  }

  /** When a solver evaluates it; {@code spacing} and {@code end} null for what its file says. */
  TimeGrid grid(Solver solver, TimeGrid.Spacing spacing, TimeGrid.End end);

  /** Evaluations of a step: two where guidance is no input of the network, else one. */
  static int branches(ModelCard card, SampleRequest request) {
    return !card.takesGuidance() && request.guidance() != 0 ? 2 : 1;
  }

  /**
   * Fails when it does not take this condition.
   *
   * @throws IllegalArgumentException in one line that says what it takes
   */
  void requireCondition(SampleRequest request);

  /**
   * Binds it to a batch.
   *
   * @param stream where it runs; stays the caller's
   * @param batch images
   * @param branches rows of an image: those with the condition come first, then those without
   */
  Evaluation evaluation(Device stream, int batch, int branches, DataType type);

  /** The network for one batch, on one stream. */
  interface Evaluation extends AutoCloseable {
    /** The plan, prepared. */
    Plan plan();

    /** Where z is: float32, NHWC, the images of the batch. */
    long z();

    /** The plan's input of one float per row. */
    long time();

    /** The network's output: rows of z's shape, those with the condition first. */
    long out();

    /** What brings z to the inputs of all rows, before each evaluation. */
    List<Launch> feed(Operations operations);

    /**
     * Writes what the network is given for the images from {@code first} on.
     *
     * @param time of the first step, 0 .. 1
     */
    void set(SampleRequest request, int first, double time);

    @Override
    void close();
  }
}
