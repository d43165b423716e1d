package org.halfstep.train;

import org.halfstep.device.DataType;

/**
 * Everything that decides what an autoencoder becomes, beside the data. Its loss is, of a picture
 * and what became of it, the mean size of their differences, plus {@code edges} times that of the
 * differences between neighbours at distances 1, 2, 4, ..., which a blurred edge has and a sharp
 * one has not, plus {@code divergence} times the Kullback-Leibler divergence of the latent per
 * number of it.
 *
 * @param network its shape
 * @param batch pictures per update, from 1 to 65,536
 * @param updates updates of the weights, from 1 to 1,000,000,000,000
 * @param learningRate the full rate, above 0; falls linearly to zero
 * @param warmUp updates over which the rate rises first, at least 0
 * @param optimizer how weights are updated
 * @param precision storage type of activations: F32, BF16 or null for F32; weights and optimizer
 *     are float32
 * @param edges weight of the differences between neighbours, from 0 to 1,000
 * @param scales distances between neighbours: 1, 2, 4, ... up to so many, from 0 to 16
 * @param divergence weight of the divergence, from 0 to 1,000,000
 * @param mirror whether pictures are flipped left to right at random
 * @param seed of everything random, any 64-bit number
 * @param checkpointEvery updates between checkpoints, at least 1
 */
public record AutoencoderSettings(
    AutoencoderShape network,
    int batch,
    long updates,
    double learningRate,
    long warmUp,
    OptimizerSettings optimizer,
    DataType precision,
    double edges,
    int scales,
    double divergence,
    boolean mirror,
    long seed,
    long checkpointEvery) {
  private static final double MOST_EDGES = 1000;
  private static final int MOST_SCALES = 16;

  public AutoencoderSettings {
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
    require(learningRate > 0, "the learning rate must be positive, got " + learningRate);
    require(warmUp >= 0, "a warm-up cannot have " + warmUp + " updates; 0 means none");
    require(
        edges >= 0 && edges <= MOST_EDGES,
        "the weight of edges must be from 0 to " + MOST_EDGES + ", got " + edges);
    require(
        scales >= 0 && scales <= MOST_SCALES,
        "edges are compared at 0 to " + MOST_SCALES + " scales, got " + scales);
    require(checkpointEvery >= 1, "checkpoints need at least one update between them");
    network.network(divergence);
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
