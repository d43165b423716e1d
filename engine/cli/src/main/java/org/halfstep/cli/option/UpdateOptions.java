package org.halfstep.cli.option;

import picocli.CommandLine.Option;

/** How long and how fast a run trains: the options that all kinds of training have. */
public final class UpdateOptions {
  @Option(
      names = "--updates",
      paramLabel = "N",
      description = "Updates of the weights; when distilling, of stage one and of each halving.")
  private Long updates;

  @Option(names = "--batch", paramLabel = "N", description = "Examples per update.")
  private Integer batch;

  @Option(
      names = "--lr",
      paramLabel = "R",
      description = "Learning rate at the start of each stage.")
  private Double learningRate;

  @Option(names = "--seed", paramLabel = "S", description = "Seed of everything random.")
  private Long seed;

  @Option(
      names = "--checkpoint-every",
      paramLabel = "N",
      description = "Updates between checkpoints.")
  private Long checkpointEvery;

  /** Updates that were asked for; null where the settings' own are meant. */
  public Long updates() {
    return updates;
  }

  /**
   * Overrides the settings of a run with what was given.
   *
   * @param section of the settings
   * @param stages within the section, each ending in a dot; empty where it has only one
   */
  public void override(Settings settings, String section, String... stages) {
    for (String stage : stages) {
      settings.override(section, stage + "updates", updates);
      settings.override(section, stage + "batch", batch);
      settings.override(section, stage + "learningRate", learningRate);
    }
    settings.override(section, "seed", seed);
    settings.override(section, "checkpointEvery", checkpointEvery);
  }
}
