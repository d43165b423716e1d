package org.halfstep.train;

import org.halfstep.device.DataType;
import org.halfstep.diffusion.LearningRate;
import org.halfstep.diffusion.LossWeighting;

/**
 * Settings of one phase of training.
 *
 * @param batch examples per update, from 1 to 65,536
 * @param updates updates of the phase, from 1 to 1,000,000,000,000
 * @param learningRate full rate, above 0 and at most 1,000
 * @param warmUp updates of linear warm-up, at least 0
 * @param anneal whether the rate falls linearly to zero over the phase
 * @param optimizer how weights are updated
 * @param weighting weight of the loss over noise levels: CONSTANT, SNR, TRUNCATED_SNR or SNR_PLUS_1
 * @param precision storage type of activations and of what convolutions multiply: F32, BF16, on a
 *     GPU TF32, or null for what suits the machine; weights and their gradients are always float32,
 *     and the optimizer's state says its own type
 */
public record RunSettings(
    int batch,
    long updates,
    double learningRate,
    long warmUp,
    boolean anneal,
    OptimizerSettings optimizer,
    LossWeighting weighting,
    DataType precision) {
  /** Most examples per update. */
  public static final int MOST_BATCH = 1 << 16;

  /** Most updates of a phase. */
  public static final long MOST_UPDATES = 1_000_000_000_000L;

  /** Updates over which the rate rises where weights are known and moments are not. */
  public static final long SHORT_WARM_UP = 100;

  private static final double MOST_RATE = 1000;

  public RunSettings {
    precision = precision == null ? DataType.F32 : precision;
    if (optimizer == null || weighting == null) {
      throw new IllegalArgumentException("optimizer and weighting must be given");
    }
    if (warmUp < 0) {
      throw new IllegalArgumentException("a warm-up cannot have " + warmUp + " updates");
    }
    if (batch < 1 || batch > MOST_BATCH || updates < 1 || updates > MOST_UPDATES) {
      throw new IllegalArgumentException(
          "the batch must be from 1 to "
              + MOST_BATCH
              + " and updates from 1 to "
              + MOST_UPDATES
              + ", got "
              + batch
              + " and "
              + updates);
    }
    optimizer.rows(batch);
    if (!(learningRate > 0 && learningRate <= MOST_RATE)) {
      throw new IllegalArgumentException(
          "the learning rate must be above 0 and at most " + MOST_RATE + ", got " + learningRate);
    }
  }

  /** Settings for float32 throughout. */
  public RunSettings(
      int batch,
      long updates,
      double learningRate,
      long warmUp,
      boolean anneal,
      OptimizerSettings optimizer,
      LossWeighting weighting) {
    this(batch, updates, learningRate, warmUp, anneal, optimizer, weighting, DataType.F32);
  }

  /** Examples that are computed together: the batch, or a part of it. */
  public int rows() {
    return optimizer.rows(batch);
  }

  /** The learning rate over the phase. */
  public LearningRate schedule() {
    return anneal
        ? new LearningRate.LinearToZero(learningRate, updates, warmUp)
        : new LearningRate.Constant(learningRate, warmUp);
  }
}
