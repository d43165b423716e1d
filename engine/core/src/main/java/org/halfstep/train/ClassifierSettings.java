package org.halfstep.train;

import com.fasterxml.jackson.annotation.JsonInclude;
import org.halfstep.device.DataType;
import org.halfstep.diffusion.LearningRate;
import org.halfstep.model.ClassifierConfig;

/**
 * Everything that decides what a classifier becomes, beside the data.
 *
 * @param network its shape
 * @param batch examples per update, from 1 to 65,536
 * @param updates updates of the weights, from 1 to 1,000,000,000,000
 * @param learningRate the first update's, above 0; falls linearly to zero
 * @param optimizer how weights are updated
 * @param precision storage type of activations: F32, BF16 or null for F32; weights and optimizer
 *     are float32
 * @param mirror whether images are flipped left to right at random
 * @param shift farthest that an image is moved in each direction at random, in pixels, at least 0
 *     and smaller than the image; what comes in from outside is the darkest value
 * @param seed of everything random, any 64-bit number
 * @param checkpointEvery updates between checkpoints, at least 1
 * @param warmUp updates over which the rate rises first, at least 0; null for none
 */
public record ClassifierSettings(
    ClassifierConfig network,
    int batch,
    long updates,
    double learningRate,
    OptimizerSettings optimizer,
    DataType precision,
    boolean mirror,
    int shift,
    long seed,
    long checkpointEvery,
    @JsonInclude(JsonInclude.Include.NON_NULL) Long warmUp) {
  public ClassifierSettings {
    // Runs of older versions had none, and go on.
    warmUp = warmUp == null || warmUp == 0 ? null : warmUp;
    precision = precision == null ? DataType.F32 : precision;
    require(network != null && optimizer != null, "network and optimizer must be given");
    require(
        batch >= 1
            && batch <= RunSettings.MOST_BATCH
            && updates >= 1
            && updates <= RunSettings.MOST_UPDATES,
        "the batch must be from 1 to "
            + RunSettings.MOST_BATCH
            + " and updates from 1 to "
            + RunSettings.MOST_UPDATES);
    optimizer.rows(batch);
    require(warmUp == null || warmUp >= 0, "a warm-up cannot have " + warmUp + " updates");
    require(learningRate > 0, "the learning rate must be positive, got " + learningRate);
    require(
        shift >= 0 && shift < network.imageSize(),
        "a shift must be smaller than the image, got " + shift);
    require(checkpointEvery >= 1, "checkpoints need at least one update between them");
  }

  /** Settings without a warm-up. */
  public ClassifierSettings(
      ClassifierConfig network,
      int batch,
      long updates,
      double learningRate,
      OptimizerSettings optimizer,
      DataType precision,
      boolean mirror,
      int shift,
      long seed,
      long checkpointEvery) {
    this(
        network,
        batch,
        updates,
        learningRate,
        optimizer,
        precision,
        mirror,
        shift,
        seed,
        checkpointEvery,
        null);
  }

  /** The learning rate over the updates. */
  public LearningRate schedule() {
    return new LearningRate.LinearToZero(learningRate, updates, warmUp == null ? 0 : warmUp);
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
