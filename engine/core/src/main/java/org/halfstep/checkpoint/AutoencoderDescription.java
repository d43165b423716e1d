package org.halfstep.checkpoint;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Collections;
import java.util.List;
import java.util.SequencedMap;
import org.halfstep.files.DataException;
import org.halfstep.model.TensorNames;

/**
 * A first stage: diffusers' AutoencoderKL, or VQModel where it has codes.
 *
 * @param imageChannels 3
 * @param latentChannels channels of a latent
 * @param channels per level, from the outermost
 * @param layers residual blocks per level of the encoder; the decoder has one more
 * @param groups of the group norms
 * @param scalingFactor what a latent is multiplied by before the UNet sees it
 * @param codes rows of the table of codes; 0 for one that draws latents from a Gaussian
 * @param codeWidth channels that are looked up; {@code latentChannels} without codes
 */
public record AutoencoderDescription(
    int imageChannels,
    int latentChannels,
    List<Integer> channels,
    int layers,
    int groups,
    double scalingFactor,
    int codes,
    int codeWidth)
    implements NetworkDescription {
  /** Scaling of Stable Diffusion 1 and 2; early files do not say it. */
  static final double USUAL_SCALING = 0.18215;

  private static final String GAUSSIAN = "AutoencoderKL";
  private static final String QUANTIZED = "VQModel";
  private static final int MOST_LEVELS = 8;
  private static final int MOST_LAYERS = 8;
  private static final int WIDEST = 16_384;
  private static final int MOST_CODES = 1 << 20;

  public AutoencoderDescription {
    channels = List.copyOf(channels);
  }

  /** Reads a config.json. */
  static AutoencoderDescription of(ConfigKeys keys) throws DataException {
    String kind = keys.text("_class_name", GAUSSIAN);
    if (!kind.equals(GAUSSIAN) && !kind.equals(QUANTIZED)) {
      throw keys.refuse(
          "_class_name", "is " + kind + "; expected " + GAUSSIAN + " or " + QUANTIZED);
    }
    boolean quantized = kind.equals(QUANTIZED);
    keys.ignore("sample_size", "force_upcast", "lookup_from_codebook");
    keys.require("act_fn", "silu");
    keys.require("shift_factor", null, null);
    keys.require("latents_mean", null, null);
    keys.require("latents_std", null, null);
    keys.require("use_quant_conv", true);
    keys.require("use_post_quant_conv", true);
    keys.require("mid_block_add_attention", true);
    keys.require("norm_type", "group");
    List<Integer> channels =
        keys.wholes(
            "block_out_channels",
            quantized ? List.of(64) : List.of(128, 256, 512, 512),
            1,
            WIDEST,
            MOST_LEVELS);
    requireAll(keys, "down_block_types", "DownEncoderBlock2D", channels.size());
    requireAll(keys, "up_block_types", "UpDecoderBlock2D", channels.size());
    int groups = keys.whole("norm_num_groups", 32, 1, 1024);
    for (int width : channels) {
      if (width % groups != 0) {
        throw keys.refuse("norm_num_groups", "is " + groups + ", which does not divide " + width);
      }
    }
    int latent = keys.whole("latent_channels", quantized ? 3 : 4, 1, 256);
    Integer codeWidth = keys.optionalWhole("vq_embed_dim", 1, 256);
    AutoencoderDescription read =
        new AutoencoderDescription(
            requireSame(keys),
            latent,
            channels,
            keys.whole("layers_per_block", quantized ? 1 : 2, 1, MOST_LAYERS),
            groups,
            keys.number("scaling_factor", USUAL_SCALING, 1e-4, 1e4),
            quantized ? keys.whole("num_vq_embeddings", 256, 1, MOST_CODES) : 0,
            quantized && codeWidth != null ? codeWidth : latent);
    keys.finish();
    return read;
  }

  /**
   * What {@link #toJson} wrote.
   *
   * @throws IllegalArgumentException in one line that names the key
   */
  public static AutoencoderDescription fromJson(ObjectNode json) {
    try {
      return of(new ConfigKeys(json, "first stage", _ -> {}));
    } catch (DataException refused) {
      throw new IllegalArgumentException(refused.getMessage(), refused);
    }
  }

  private static int requireSame(ConfigKeys keys) throws DataException {
    int in = keys.whole("in_channels", 3, 1, 16);
    if (keys.whole("out_channels", 3, 1, 16) != in) {
      throw keys.refuse("out_channels", "differs from in_channels, " + in);
    }
    return in;
  }

  private static void requireAll(ConfigKeys keys, String key, String type, int levels)
      throws DataException {
    for (String found : keys.texts(key, Collections.nCopies(levels, type), levels)) {
      if (!found.equals(type)) {
        throw keys.refuse(key, "has " + found + "; expected " + type + " in every level");
      }
    }
  }

  @Override
  public Part part() {
    return Part.AUTOENCODER;
  }

  /** Whether latents are looked up in a table of codes. */
  public boolean isQuantized() {
    return codes > 0;
  }

  @Override
  public ObjectNode toJson() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("_class_name", isQuantized() ? QUANTIZED : GAUSSIAN);
    json.put("act_fn", "silu");
    ArrayNode widths = json.putArray("block_out_channels");
    channels.forEach(widths::add);
    types(json, "down_block_types", "DownEncoderBlock2D");
    json.put("in_channels", imageChannels);
    json.put("latent_channels", latentChannels);
    json.put("layers_per_block", layers);
    json.put("norm_num_groups", groups);
    if (isQuantized()) {
      json.put("num_vq_embeddings", codes);
    }
    json.put("out_channels", imageChannels);
    json.put("scaling_factor", scalingFactor);
    types(json, "up_block_types", "UpDecoderBlock2D");
    if (isQuantized()) {
      json.put("vq_embed_dim", codeWidth);
    }
    return json;
  }

  private void types(ObjectNode json, String key, String type) {
    ArrayNode array = json.putArray(key);
    channels.forEach(_ -> array.add(type));
  }

  @Override
  public SequencedMap<String, long[]> shapes() {
    ParameterShapes shapes = new ParameterShapes();
    int moments = isQuantized() ? latentChannels : 2 * latentChannels;
    int quantized = isQuantized() ? codeWidth : moments;
    encoder(shapes, moments);
    shapes.convolution("quant_conv", quantized, moments, 1);
    if (isQuantized()) {
      shapes.add("quantize.embedding.weight", codes, codeWidth);
    }
    shapes.convolution("post_quant_conv", latentChannels, codeWidth, 1);
    decoder(shapes);
    return shapes.all();
  }

  private void encoder(ParameterShapes shapes, int moments) {
    int width = channels.getFirst();
    shapes.convolution("encoder.conv_in", width, imageChannels, 3);
    for (int level = 0; level < channels.size(); level++) {
      String block = "encoder.down_blocks." + level;
      for (int i = 0; i < layers; i++) {
        shapes.resnet(block + ".resnets." + i, width, channels.get(level), 0);
        width = channels.get(level);
      }
      if (level < channels.size() - 1) {
        shapes.convolution(block + ".downsamplers.0.conv", width, width, 3);
      }
    }
    middle(shapes, "encoder.mid_block", width);
    shapes.norm("encoder.conv_norm_out", width);
    shapes.convolution("encoder.conv_out", moments, width, 3);
  }

  private void decoder(ParameterShapes shapes) {
    List<Integer> reversed = channels.reversed();
    int width = reversed.getFirst();
    shapes.convolution("decoder.conv_in", width, latentChannels, 3);
    middle(shapes, "decoder.mid_block", width);
    for (int stage = 0; stage < reversed.size(); stage++) {
      String block = "decoder.up_blocks." + stage;
      for (int i = 0; i <= layers; i++) {
        shapes.resnet(block + ".resnets." + i, width, reversed.get(stage), 0);
        width = reversed.get(stage);
      }
      if (stage < reversed.size() - 1) {
        shapes.convolution(block + ".upsamplers.0.conv", width, width, 3);
      }
    }
    shapes.norm("decoder.conv_norm_out", width);
    shapes.convolution("decoder.conv_out", imageChannels, width, 3);
  }

  private static void middle(ParameterShapes shapes, String name, int width) {
    shapes.resnet(name + ".resnets.0", width, width, 0);
    shapes.attention(name + ".attentions.0", width);
    shapes.resnet(name + ".resnets.1", width, width, 0);
  }

  @Override
  public TensorNames diffusers() {
    return AutoencoderNames.diffusers();
  }

  @Override
  public TensorNames single() {
    return AutoencoderNames.compVis(this);
  }
}
