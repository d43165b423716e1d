package org.halfstep.train;

import org.halfstep.model.UNetConfig;

/**
 * Everything that decides what a teacher becomes, beside the data.
 *
 * @param network its shape
 * @param run updates, batch, rate, optimizer, loss
 * @param labelDropout probability of training an example without its label, from 0 to 1
 * @param mirror whether images are flipped left to right at random
 * @param seed of everything random, any 64-bit number
 * @param checkpointEvery updates between checkpoints, at least 1
 */
public record TeacherSettings(
    UNetConfig network,
    RunSettings run,
    double labelDropout,
    boolean mirror,
    long seed,
    long checkpointEvery) {
  public TeacherSettings {
    if (network == null || run == null) {
      throw new IllegalArgumentException("network and run must be given");
    }
    if (!(labelDropout >= 0 && labelDropout <= 1)) {
      throw new IllegalArgumentException("label dropout must lie in [0, 1], got " + labelDropout);
    }
    if (labelDropout > 0 && !network.nullLabel()) {
      throw new IllegalArgumentException(
          "label dropout needs a network with a null label (\"cfg\": true)");
    }
    if (checkpointEvery < 1) {
      throw new IllegalArgumentException("checkpoints need at least one update between them");
    }
  }
}
