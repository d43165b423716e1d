package org.halfstep.train;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.Set;
import org.halfstep.checkpoint.TextDescription;
import org.halfstep.checkpoint.UNetDescription;
import org.halfstep.graph.Shape;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.latent.TextUNetConfig;
import org.halfstep.text.ClipTokenizer;

/**
 * Everything that decides what a teacher of captioned latents becomes, beside the data and the
 * autoencoder.
 *
 * @param imageSize side of the pictures that latents are made of, from 1 to 16,384
 * @param text the text encoder in the keys of transformers' CLIPTextModel, without the size of its
 *     vocabulary, which is the tokenizer's; with another text encoder (--text) only how many tokens
 *     a context has
 * @param unet in the keys of diffusers' UNet2DConditionModel, without the channels of a latent,
 *     which are the autoencoder's, and the width of the context, which is the text encoder's
 * @param merges of the tokenizer that is made of the captions at most, from 1 to 48,894
 * @param run updates, batch, rate, optimizer, loss
 * @param captionDropout probability of training an example with the empty caption, at least 0 and
 *     below 1
 * @param mirror whether pictures are flipped left to right at random
 * @param seed of everything random, any 64-bit number
 * @param checkpointEvery updates between checkpoints, at least 1
 */
public record CaptionedTeacherSettings(
    int imageSize,
    ObjectNode text,
    ObjectNode unet,
    int merges,
    RunSettings run,
    double captionDropout,
    boolean mirror,
    long seed,
    long checkpointEvery) {
  private static final int MOST_SIDE = 1 << 14;
  private static final String VOCABULARY = "vocab_size";
  private static final String POSITIONS = "max_position_embeddings";
  private static final String IN = "in_channels";
  private static final String OUT = "out_channels";
  private static final String CONTEXT = "cross_attention_dim";

  public CaptionedTeacherSettings {
    if (text == null || unet == null || run == null) {
      throw new IllegalArgumentException("text, unet and run must be given");
    }
    if (imageSize < 1 || imageSize > MOST_SIDE) {
      throw new IllegalArgumentException(
          "the side of pictures must be from 1 to " + MOST_SIDE + ", got " + imageSize);
    }
    if (merges < 1 || merges > ClipTokenizer.MOST_MERGES) {
      throw new IllegalArgumentException(
          "the tokenizer has 1 to " + ClipTokenizer.MOST_MERGES + " merges, got " + merges);
    }
    if (!(captionDropout >= 0 && captionDropout < 1)) {
      throw new IllegalArgumentException(
          "caption dropout must lie in [0, 1), got " + captionDropout);
    }
    if (checkpointEvery < 1) {
      throw new IllegalArgumentException("checkpoints need at least one update between them");
    }
    requireMissing("text", text, Set.of(VOCABULARY));
    requireMissing("unet", unet, Set.of(IN, OUT, CONTEXT));
  }

  private static void requireMissing(String name, ObjectNode keys, Set<String> known) {
    for (String key : known) {
      if (keys.has(key)) {
        throw new IllegalArgumentException(
            name + "." + key + " follows from the data and the autoencoder: leave it out");
      }
    }
  }

  /**
   * The network for latents of a shape.
   *
   * @param vocabulary entries of the tokenizer
   * @throws IllegalArgumentException in one line that names the key, when there is no such network
   */
  public TextUNetConfig network(int vocabulary, Shape latent) {
    TextDescription encoder = TextDescription.fromJson(text.deepCopy().put(VOCABULARY, vocabulary));
    return new TextUNetConfig(encoder, unet(latent, encoder.positions(), encoder.width()));
  }

  /**
   * The UNet for latents of a shape, with contexts of another text encoder.
   *
   * @param tokens of a context
   * @param context numbers of each
   * @throws IllegalArgumentException in one line that names the key, when there is no such network
   */
  public LatentUNetConfig unet(Shape latent, int tokens, int context) {
    ObjectNode keys = unet.deepCopy();
    keys.put(IN, latent.channels()).put(OUT, latent.channels()).put(CONTEXT, context);
    try {
      return new LatentUNetConfig(
          UNetDescription.of(keys, "unet"), latent.height(), latent.width(), tokens);
    } catch (IOException refused) {
      throw new IllegalArgumentException(refused.getMessage(), refused);
    }
  }

  /** Tokens of a context where the text encoder is another one: the settings' positions. */
  public int tokens() {
    return text.path(POSITIONS).asInt(ClipTokenizer.LENGTH);
  }
}
