package org.halfstep.checkpoint;

import java.nio.file.Path;

/**
 * How a checkpoint is read.
 *
 * @param variant which files of a folder, such as "fp16"; null for the plain ones, or the only ones
 * @param average whether the moving average of a single file's UNet is taken where there is one
 * @param config a folder whose config.json files say what a single file does not; null to derive
 *     everything from the tensors
 * @param prediction what the UNet of a single file predicts, {@link SchedulerConfig#EPSILON} or
 *     {@link SchedulerConfig#VELOCITY}; null when the file says it
 */
public record CheckpointOptions(String variant, boolean average, Path config, String prediction) {
  public CheckpointOptions {
    if (variant != null) {
      WeightFiles.requireName(variant);
    }
    if (prediction != null
        && !prediction.equals(SchedulerConfig.EPSILON)
        && !prediction.equals(SchedulerConfig.VELOCITY)) {
      throw new IllegalArgumentException(
          "a network predicts "
              + SchedulerConfig.EPSILON
              + " or "
              + SchedulerConfig.VELOCITY
              + ", got "
              + prediction);
    }
  }

  /** The plain files, the moving average, and nothing said beside the file. */
  public static CheckpointOptions standard() {
    return new CheckpointOptions(null, true, null, null);
  }

  public CheckpointOptions withVariant(String newVariant) {
    return new CheckpointOptions(newVariant, average, config, prediction);
  }

  public CheckpointOptions withAverage(boolean newAverage) {
    return new CheckpointOptions(variant, newAverage, config, prediction);
  }

  public CheckpointOptions withConfig(Path newConfig) {
    return new CheckpointOptions(variant, average, newConfig, prediction);
  }

  public CheckpointOptions withPrediction(String newPrediction) {
    return new CheckpointOptions(variant, average, config, newPrediction);
  }
}
