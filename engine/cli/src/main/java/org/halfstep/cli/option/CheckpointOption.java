package org.halfstep.cli.option;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.SchedulerConfig;
import picocli.CommandLine.Option;

/** What a latent model's files do not say themselves, and which of their weights are taken. */
public final class CheckpointOption {
  /** What a network predicts, as it is typed. */
  enum Prediction {
    EPS(SchedulerConfig.EPSILON),
    V(SchedulerConfig.VELOCITY);

    private final String name;

    Prediction(String name) {
      this.name = name;
    }
  }

  @Option(
      names = "--variant",
      paramLabel = "NAME",
      description = "Which weights of a folder to read, such as fp16 (default: the plain ones).")
  private String variant;

  @Option(
      names = "--last-weights",
      description = "Take the weights of the last step and not their moving average.")
  private boolean lastWeights;

  @Option(
      names = "--config",
      paramLabel = "PATH",
      description =
          "A folder of diffusers whose config.json files say what a single file does not; for a pixel network of"
              + " guided-diffusion a JSON file of the options that it was trained with.")
  private Path config;

  @Option(
      names = "--prediction",
      paramLabel = "eps|v",
      description = "What the UNet of a single file predicts, where the file does not say it.")
  private Prediction prediction;

  @Option(
      names = "--tokenizer",
      paramLabel = "PATH",
      description = "The tokenizer of a model without one: a folder, or merges.txt.")
  private Path tokenizer;

  /** How the files are read. */
  public CheckpointOptions options() {
    return new CheckpointOptions(
        variant, !lastWeights, config, prediction == null ? null : prediction.name);
  }

  /** The tokenizer that was named, or null. */
  public Path tokenizer() {
    return tokenizer;
  }

  /** Whether anything was given. */
  public boolean isGiven() {
    return !words().isEmpty();
  }

  /** What was given, as it is typed. */
  public List<String> words() {
    List<String> words = new ArrayList<>();
    add(words, "--variant", variant);
    add(words, "--config", config);
    add(
        words,
        "--prediction",
        prediction == null ? null : prediction.name().toLowerCase(Locale.ROOT));
    add(words, "--tokenizer", tokenizer);
    if (lastWeights) {
      words.add("--last-weights");
    }
    return words;
  }

  private static void add(List<String> words, String option, Object value) {
    if (value != null) {
      words.add(option);
      words.add(value.toString());
    }
  }
}
