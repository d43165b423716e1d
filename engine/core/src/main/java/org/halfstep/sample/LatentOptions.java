package org.halfstep.sample;

import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.device.DataType;
import org.halfstep.latent.Tiling;

/**
 * How the parts of a latent model are read and kept. Their precision is the model's ({@link
 * ModelOptions#precision}) unless one has its own here.
 *
 * @param residency whether parts stay in memory between requests
 * @param unetPrecision how the UNet computes; null for the model's precision
 * @param textPrecision how the text encoder computes; null for the model's precision
 * @param firstStagePrecision how the first stage computes; null for the model's precision
 * @param tiling how large pictures are cut when they are encoded and decoded; null for never
 * @param checkpoint how the files are read
 * @param tokenizer a folder or a merges.txt, for files that have none; null for the model's own
 * @param skippedTextLayers last layers of the text encoder that are not run; 0 as it was trained
 * @param updates low-rank updates that are added to the weights, in this order
 */
public record LatentOptions(
    Residency residency,
    DataType unetPrecision,
    DataType textPrecision,
    DataType firstStagePrecision,
    Tiling tiling,
    CheckpointOptions checkpoint,
    Path tokenizer,
    int skippedTextLayers,
    List<Update> updates) {
  /** How long a part of a model stays in memory. */
  public enum Residency {
    /** Until the model is closed: for services, whose next request shares it. */
    KEEP,
    /** While it runs: each part before the next one's weights are packed. */
    RELEASE
  }

  /**
   * A file of low-rank updates (LoRA).
   *
   * @param file safetensors, in either layout
   * @param scale what they are multiplied by
   */
  public record Update(Path file, double scale) {
    private static final double MOST_SCALE = 100;

    public Update {
      if (file == null) {
        throw new IllegalArgumentException("an update is a file; got null");
      }
      if (!(Math.abs(scale) <= MOST_SCALE)) {
        throw new IllegalArgumentException(
            file
                + ": updates are scaled by -"
                + MOST_SCALE
                + " to "
                + MOST_SCALE
                + ", got "
                + scale);
      }
    }
  }

  public LatentOptions {
    if (updates == null || updates.stream().anyMatch(Objects::isNull)) {
      throw new IllegalArgumentException("updates are files, an empty list for none; got null");
    }
    updates = List.copyOf(updates);
    if (residency == null || checkpoint == null) {
      throw new IllegalArgumentException(
          "a latent model needs its residency and its files' options");
    }
    if (skippedTextLayers < 0) {
      throw new IllegalArgumentException(
          "layers of a text encoder that are skipped: expected 0 or more, got "
              + skippedTextLayers);
    }
  }

  /** Parts that stay, pictures whole, files as they come. */
  public static LatentOptions standard() {
    return new LatentOptions(
        Residency.KEEP, null, null, null, null, CheckpointOptions.standard(), null, 0, List.of());
  }

  public LatentOptions withResidency(Residency other) {
    return new LatentOptions(
        other,
        unetPrecision,
        textPrecision,
        firstStagePrecision,
        tiling,
        checkpoint,
        tokenizer,
        skippedTextLayers,
        updates);
  }

  /** The same with precisions of the parts' own; null for the model's. */
  public LatentOptions withPrecisions(DataType unet, DataType text, DataType firstStage) {
    return new LatentOptions(
        residency,
        unet,
        text,
        firstStage,
        tiling,
        checkpoint,
        tokenizer,
        skippedTextLayers,
        updates);
  }

  /** The same with large pictures cut; null for never. */
  public LatentOptions withTiling(Tiling tiles) {
    return new LatentOptions(
        residency,
        unetPrecision,
        textPrecision,
        firstStagePrecision,
        tiles,
        checkpoint,
        tokenizer,
        skippedTextLayers,
        updates);
  }

  public LatentOptions withCheckpoint(CheckpointOptions options) {
    return new LatentOptions(
        residency,
        unetPrecision,
        textPrecision,
        firstStagePrecision,
        tiling,
        options,
        tokenizer,
        skippedTextLayers,
        updates);
  }

  public LatentOptions withTokenizer(Path path) {
    return new LatentOptions(
        residency,
        unetPrecision,
        textPrecision,
        firstStagePrecision,
        tiling,
        checkpoint,
        path,
        skippedTextLayers,
        updates);
  }

  public LatentOptions withSkippedTextLayers(int layers) {
    return new LatentOptions(
        residency,
        unetPrecision,
        textPrecision,
        firstStagePrecision,
        tiling,
        checkpoint,
        tokenizer,
        layers,
        updates);
  }

  public LatentOptions withUpdates(List<Update> files) {
    return new LatentOptions(
        residency,
        unetPrecision,
        textPrecision,
        firstStagePrecision,
        tiling,
        checkpoint,
        tokenizer,
        skippedTextLayers,
        files);
  }
}
