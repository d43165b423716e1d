package org.halfstep.train;

import com.fasterxml.jackson.annotation.JsonInclude;
import org.halfstep.diffusion.ScheduleName;
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
 * @param schedule COSINE, SHIFTED_COSINE (its log-SNR shifted by 2 log(64 / side)) or LINEAR (1000
 *     levels of linear betas, the last one noise alone); null for COSINE
 */
public record TeacherSettings(
    UNetConfig network,
    RunSettings run,
    double labelDropout,
    boolean mirror,
    long seed,
    long checkpointEvery,
    @JsonInclude(JsonInclude.Include.NON_NULL) ScheduleName schedule) {
  public TeacherSettings {
    // Runs of older versions do not say it, and go on.
    schedule = schedule == ScheduleName.COSINE ? null : schedule;
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

  /** Settings with the truncated cosine schedule. */
  public TeacherSettings(
      UNetConfig network,
      RunSettings run,
      double labelDropout,
      boolean mirror,
      long seed,
      long checkpointEvery) {
    this(network, run, labelDropout, mirror, seed, checkpointEvery, null);
  }
}
