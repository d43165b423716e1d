package org.halfstep.checkpoint;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.halfstep.files.DataException;
import org.halfstep.safetensors.Tensors;

/**
 * What a single file's networks are, from the names and shapes of its tensors. Heads and groups of
 * norms leave no trace in them: they follow from which published network it is, and where it is
 * none, a configuration must say them. Source: specification 1.3; the method is
 * stable-diffusion.cpp's.
 */
final class DerivedNetworks {
  private static final int GROUPS = 32;
  private static final int HEADS = 8;
  private static final int HEAD_WIDTH = 64;
  private static final int FIRST_GENERATION = 768;
  private static final int SECOND_GENERATION = 1024;
  private static final int TWO_TEXTS = 2048;
  private static final int MOST = 1 << 20;
  private static final String ASK = ": name a folder with its config.json files (--config FOLDER)";

  private final Tensors file;
  private final String prefix;

  /**
   * @param prefix of the network's names
   */
  DerivedNetworks(Tensors file, String prefix) {
    this.file = file;
    this.prefix = prefix;
  }

  private DataException refuse(String problem) {
    return new DataException(file.origin(), problem);
  }

  private boolean has(String name) {
    return file.find(prefix + name).isPresent();
  }

  /** An extent of a tensor that must be there. */
  private int extent(String name, int axis) throws DataException {
    long[] shape =
        file.find(prefix + name)
            .orElseThrow(() -> refuse("tensor " + prefix + name + " is missing"))
            .shape();
    if (axis >= shape.length || shape[axis] < 1 || shape[axis] > MOST) {
      throw refuse(
          "tensor "
              + prefix
              + name
              + " has shape "
              + Arrays.toString(shape)
              + ", which no network has there");
    }
    return (int) shape[axis];
  }

  /** How many names there are with a number in place of the percent sign, counted from 0. */
  private int count(String pattern) {
    int count = 0;
    while (has(pattern.replace("%", Integer.toString(count)))) {
      count++;
    }
    return count;
  }

  private void requireGroups(List<Integer> channels) throws DataException {
    for (int width : channels) {
      if (width % GROUPS != 0) {
        throw refuse(
            "has "
                + width
                + " channels in a level, which "
                + GROUPS
                + " groups of a norm do not divide; a single file does not say its groups"
                + ASK);
      }
    }
  }

  /**
   * A UNet under CompVis' names.
   *
   * @param classRows rows of its table of classes, or 0
   */
  UNetDescription unet(int classRows) throws DataException {
    int in = extent("input_blocks.0.0.weight", 1);
    requireKnown(in, classRows);
    int first = 1;
    while (has("input_blocks." + first + ".0.in_layers.0.weight")) {
      first++;
    }
    int layers = first - 1;
    if (layers < 1 || layers > 8) {
      throw refuse("has " + layers + " blocks in its first level; expected 1 to 8");
    }
    List<Integer> channels = new ArrayList<>();
    List<Boolean> down = new ArrayList<>();
    for (int at = 1; has("input_blocks." + at + ".0.in_layers.0.weight"); at += layers + 1) {
      channels.add(extent("input_blocks." + at + ".0.out_layers.3.weight", 0));
      down.add(has("input_blocks." + at + ".1.norm.weight"));
    }
    List<Boolean> up = new ArrayList<>();
    for (int stage = 0; stage < channels.size(); stage++) {
      up.add(has("output_blocks." + stage * (layers + 1) + ".1.norm.weight"));
    }
    requireGroups(channels);
    int context = extent(middle("attn2.to_k.weight"), 1);
    int guidance = has("w_proj.weight") ? extent("w_proj.weight", 1) : 0;
    return new UNetDescription(
        in,
        extent("out.2.weight", 0),
        channels,
        down,
        up,
        layers,
        context,
        heads(channels, context, classRows),
        rank("middle_block.1.proj_in.weight") == 2,
        GROUPS,
        guidance,
        classRows);
  }

  private static String middle(String name) {
    return "middle_block.1.transformer_blocks.0." + name;
  }

  private int rank(String name) {
    return file.find(prefix + name).map(tensor -> tensor.shape().length).orElse(0);
  }

  private void requireKnown(int in, int classRows) throws DataException {
    if (in == 5 || in == 8) {
      throw refuse(
          "has a UNet of "
              + in
              + " input channels, as in networks that see "
              + (in == 5 ? "depth" : "a picture to edit")
              + " beside the latent; expected 4, or 9 for inpainting");
    }
    if (!has(middle("attn2.to_k.weight"))) {
      throw refuse(
          "has a UNet without transformers: expected tensor "
              + prefix
              + middle("attn2.to_k.weight"));
    }
    if (classRows == 0 && has("input_blocks.10.0.skip_connection.bias")) {
      throw refuse("has the UNet of an upscaler, which this engine does not run");
    }
  }

  private List<Integer> heads(List<Integer> channels, int context, int classRows)
      throws DataException {
    if (classRows > 0) {
      return channels.stream().map(_ -> 1).toList();
    }
    return switch (context) {
      case FIRST_GENERATION -> channels.stream().map(_ -> HEADS).toList();
      case SECOND_GENERATION -> channels.stream().map(width -> width / HEAD_WIDTH).toList();
      case TWO_TEXTS -> throw refuse("has the UNet of SDXL, which this engine does not run");
      default ->
          throw refuse(
              "has a UNet with a context of "
                  + context
                  + " channels, which no published network has; a single file does not say its heads"
                  + ASK);
    };
  }

  /** A first stage under CompVis' names. */
  AutoencoderDescription autoencoder() throws DataException {
    int levels = count("encoder.down.%.block.0.norm1.weight");
    if (levels == 0) {
      throw refuse("tensor " + prefix + "encoder.down.0.block.0.norm1.weight is missing");
    }
    List<Integer> channels = new ArrayList<>();
    for (int level = 0; level < levels; level++) {
      channels.add(extent("encoder.down." + level + ".block.0.conv2.weight", 0));
    }
    requireGroups(channels);
    int latent = extent("decoder.conv_in.weight", 1);
    boolean quantized = has("quantize.embedding.weight");
    return new AutoencoderDescription(
        extent("encoder.conv_in.weight", 1),
        latent,
        channels,
        count("encoder.down.0.block.%.norm1.weight"),
        GROUPS,
        quantized ? 1 : AutoencoderDescription.USUAL_SCALING,
        quantized ? extent("quantize.embedding.weight", 0) : 0,
        quantized ? extent("quantize.embedding.weight", 1) : latent);
  }

  /** A text encoder under transformers' names: OpenAI's. */
  TextDescription text() throws DataException {
    String start = has("text_model.final_layer_norm.weight") ? TextNames.PREFIX : "";
    String layer = start + "encoder.layers.";
    return text(
        extent(start + "embeddings.token_embedding.weight", 0),
        extent(start + "embeddings.position_embedding.weight", 0),
        extent(start + "embeddings.token_embedding.weight", 1),
        extent(layer + "0.mlp.fc1.weight", 0),
        count(layer + "%.layer_norm1.weight"),
        true);
  }

  /** A text encoder under OpenCLIP's names, whose last layer is not run. */
  TextDescription openClip() throws DataException {
    return text(
        extent("token_embedding.weight", 0),
        extent("positional_embedding", 0),
        extent("token_embedding.weight", 1),
        extent("transformer.resblocks.0.mlp.c_fc.weight", 0),
        count("transformer.resblocks.%.ln_1.weight") - 1,
        false);
  }

  private TextDescription text(
      int vocabulary, int positions, int width, int inner, int layers, boolean isQuick)
      throws DataException {
    if (width % HEAD_WIDTH != 0 || layers < 1) {
      throw refuse(
          "has a text encoder of "
              + layers
              + " layers and "
              + width
              + " channels, which no published network has; a single file does not say its heads"
              + ASK);
    }
    return new TextDescription(
        vocabulary, positions, width, inner, layers, width / HEAD_WIDTH, isQuick);
  }

  /** The rows of a table of classes, or 0. */
  static int classRows(Tensors file) {
    return Optional.of(file)
        .flatMap(tensors -> tensors.find(SingleFileNames.CLASS_TABLE))
        .filter(table -> table.shape().length == 2 && table.shape()[0] <= MOST)
        .map(table -> (int) table.shape()[0])
        .orElse(0);
  }
}
