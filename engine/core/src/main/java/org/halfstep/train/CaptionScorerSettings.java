package org.halfstep.train;

import org.halfstep.device.DataType;

/**
 * Everything that decides what a caption scorer becomes, beside the data and the text encoder.
 *
 * @param network its shape
 * @param batch pairs of a picture and a caption per update, from 2 to 8,192: each is told apart
 *     from the others
 * @param updates updates of the weights, from 1 to 1,000,000,000,000
 * @param learningRate the full rate, above 0; falls linearly to zero
 * @param warmUp updates over which the rate rises first, at least 0
 * @param optimizer how weights are updated; a batch cannot be in parts, since its pairs are told
 *     apart from each other
 * @param precision storage type of activations: F32, BF16 or null for F32; weights and optimizer
 *     are float32
 * @param mirror whether pictures are flipped left to right at random
 * @param seed of everything random, any 64-bit number
 * @param checkpointEvery updates between checkpoints, at least 1
 */
public record CaptionScorerSettings(
    CaptionScorerShape network,
    int batch,
    long updates,
    double learningRate,
    long warmUp,
    OptimizerSettings optimizer,
    DataType precision,
    boolean mirror,
    long seed,
    long checkpointEvery) {
  private static final int MOST_BATCH = 1 << 13;

  public CaptionScorerSettings {
    precision = precision == null ? DataType.F32 : precision;
    require(network != null && optimizer != null, "network and optimizer must be given");
    require(
        optimizer.parts() == null,
        "a caption scorer's batch cannot be computed in parts (optimizer.parts), since its pairs are"
            + " told apart from each other");
    require(
        batch >= 2 && batch <= MOST_BATCH,
        "captions are told apart within a batch of 2 to " + MOST_BATCH + ", got " + batch);
    require(
        updates >= 1 && updates <= RunSettings.MOST_UPDATES,
        "updates must be from 1 to " + RunSettings.MOST_UPDATES);
    require(learningRate > 0, "the learning rate must be positive, got " + learningRate);
    require(warmUp >= 0, "a warm-up cannot have " + warmUp + " updates; 0 means none");
    require(checkpointEvery >= 1, "checkpoints need at least one update between them");
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
