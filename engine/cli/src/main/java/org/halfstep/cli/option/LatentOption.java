package org.halfstep.cli.option;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.cli.console.InputException;
import org.halfstep.latent.Tiling;
import org.halfstep.sample.LatentOptions;
import org.halfstep.sample.LatentOptions.Residency;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** How a latent model of another program is read. */
public final class LatentOption {
  private static final int MOST_SKIPPED = 128;

  @Mixin private CheckpointOption checkpoint;

  @Option(
      names = "--lora",
      paramLabel = "FILE[:SCALE]",
      description =
          "Low-rank updates to add to the weights, such as style.safetensors:0.8; again"
              + " for more.")
  private List<String> updates = List.of();

  @Option(
      names = "--clip-skip",
      paramLabel = "N",
      description =
          "Which layer of the text encoder, counted from its end, gives the condition (default: 1,"
              + " the last one that the model was trained with).")
  private Integer clipSkip;

  @Option(
      names = "--tiles",
      description =
          "Encode and decode pictures in overlapping tiles of 512 pixels: less memory,"
              + " and tones may differ a little from tile to tile.")
  private boolean tiles;

  /** Whether anything was given. */
  public boolean isGiven() {
    return !updates.isEmpty() || checkpoint.isGiven() || clipSkip != null || tiles;
  }

  /** What was given; each part is released before the next one's weights are packed. */
  public LatentOptions options() {
    int skipped = clipSkip == null ? 0 : Bounds.whole("--clip-skip", clipSkip, 1, MOST_SKIPPED) - 1;
    return LatentOptions.standard()
        .withResidency(Residency.RELEASE)
        .withCheckpoint(checkpoint.options())
        .withTokenizer(checkpoint.tokenizer())
        .withSkippedTextLayers(skipped)
        .withTiling(tiles ? Tiling.STANDARD : null)
        .withUpdates(updates.stream().map(LatentOption::update).toList());
  }

  private static LatentOptions.Update update(String text) {
    int colon = text.lastIndexOf(':');
    if (colon > 0 && !Files.exists(Path.of(text))) {
      try {
        return new LatentOptions.Update(
            Path.of(text.substring(0, colon)), Double.parseDouble(text.substring(colon + 1)));
      } catch (NumberFormatException none) {
        throw new InputException(
            "--lora " + text + ": expected FILE or FILE:SCALE, such as style.safetensors:0.8");
      } catch (IllegalArgumentException refused) {
        throw new InputException("--lora " + refused.getMessage(), refused);
      }
    }
    return new LatentOptions.Update(Path.of(text), 1);
  }

  /** What was given, as it is typed, so that a picture can be made again. */
  public List<String> words() {
    List<String> words = new ArrayList<>();
    updates.forEach(update -> words.addAll(List.of("--lora", update)));
    words.addAll(checkpoint.words());
    if (clipSkip != null) {
      words.addAll(List.of("--clip-skip", clipSkip.toString()));
    }
    if (tiles) {
      words.add("--tiles");
    }
    return words;
  }
}
