package org.halfstep.checkpoint;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.SequencedMap;
import org.halfstep.files.DataException;
import org.halfstep.model.TensorNames;

/**
 * A latent UNet with transformers: diffusers' UNet2DConditionModel.
 *
 * @param inChannels 4; 9 with a mask and a masked image behind the latent
 * @param outChannels channels of a latent
 * @param channels per level, from the outermost
 * @param downAttention whether a level's blocks on the way down have transformers
 * @param upAttention the same on the way up, from the innermost
 * @param layers residual blocks per level on the way down; one more on the way up
 * @param context width of the tokens that transformers look at
 * @param heads of attention, per level
 * @param linearProjection whether transformers begin and end with linear layers in place of 1x1
 *     convolutions
 * @param groups of the group norms
 * @param guidanceWidth width of the embedded guidance strength, 0 for a network without one
 * @param classRows rows of a table of classes that takes the place of text, 0 for a network without
 *     one
 */
public record UNetDescription(
    int inChannels,
    int outChannels,
    List<Integer> channels,
    List<Boolean> downAttention,
    List<Boolean> upAttention,
    int layers,
    int context,
    List<Integer> heads,
    boolean linearProjection,
    int groups,
    int guidanceWidth,
    int classRows)
    implements NetworkDescription {
  /** The table of classes of a network that has one. */
  public static final String CLASS_TABLE = "class_table.weight";

  private static final String TRANSFORMERS_DOWN = "CrossAttnDownBlock2D";
  private static final String PLAIN_DOWN = "DownBlock2D";
  private static final String TRANSFORMERS_UP = "CrossAttnUpBlock2D";
  private static final String PLAIN_UP = "UpBlock2D";
  private static final int MOST_LEVELS = 8;
  private static final int MOST_LAYERS = 8;
  private static final int WIDEST = 16_384;
  private static final double EPS = 1e-5;

  public UNetDescription {
    channels = List.copyOf(channels);
    downAttention = List.copyOf(downAttention);
    upAttention = List.copyOf(upAttention);
    heads = List.copyOf(heads);
  }

  /**
   * Reads the keys of a config.json.
   *
   * @param origin the file, for the errors
   * @throws DataException in one line that names the key, when it describes no network that this
   *     engine runs
   */
  public static UNetDescription of(ObjectNode json, String origin) throws DataException {
    return of(new ConfigKeys(json, origin, _ -> {}));
  }

  /** Reads a config.json. */
  static UNetDescription of(ConfigKeys keys) throws DataException {
    keys.ignore("sample_size", "upcast_attention", "addition_embed_type_num_heads");
    keys.ignore("addition_time_embed_dim", "class_embeddings_concat", "dropout");
    keys.ignore("projection_class_embeddings_input_dim", "reverse_transformer_layers_per_block");
    keys.ignore("upcast_softmax");
    requireUsual(keys);
    int in = keys.whole("in_channels", 4, 1, 64);
    if (in == 5 || in == 8) {
      throw keys.refuse(
          "in_channels",
          "is "
              + in
              + ", as in networks that see "
              + (in == 5 ? "depth" : "a picture to edit")
              + " beside the latent; expected 4, or 9 for inpainting");
    }
    List<Integer> channels =
        keys.wholes("block_out_channels", List.of(320, 640, 1280, 1280), 1, WIDEST, MOST_LEVELS);
    int levels = channels.size();
    List<Boolean> down =
        attention(
            keys,
            "down_block_types",
            List.of(TRANSFORMERS_DOWN, TRANSFORMERS_DOWN, TRANSFORMERS_DOWN, PLAIN_DOWN),
            TRANSFORMERS_DOWN,
            PLAIN_DOWN,
            levels);
    List<Boolean> up =
        attention(
            keys,
            "up_block_types",
            List.of(PLAIN_UP, TRANSFORMERS_UP, TRANSFORMERS_UP, TRANSFORMERS_UP),
            TRANSFORMERS_UP,
            PLAIN_UP,
            levels);
    int groups = keys.whole("norm_num_groups", 32, 1, 1024);
    List<Integer> heads = keys.perLevel("attention_head_dim", 8, 1, 1024, levels);
    for (int level = 0; level < levels; level++) {
      if (channels.get(level) % groups != 0) {
        throw keys.refuse(
            "norm_num_groups", "is " + groups + ", which does not divide " + channels.get(level));
      }
      if (channels.get(level) % heads.get(level) != 0) {
        throw keys.refuse(
            "attention_head_dim",
            "is "
                + heads.get(level)
                + " heads in level "
                + level
                + ", which do not divide its "
                + channels.get(level)
                + " channels");
      }
    }
    Integer guidance = keys.optionalWhole("time_cond_proj_dim", 4, WIDEST);
    UNetDescription read =
        new UNetDescription(
            in,
            keys.whole("out_channels", 4, 1, 64),
            channels,
            down,
            up,
            keys.whole("layers_per_block", 2, 1, MOST_LAYERS),
            keys.whole("cross_attention_dim", 1280, 1, WIDEST),
            heads,
            keys.flag("use_linear_projection", false),
            groups,
            guidance == null ? 0 : guidance,
            0);
    keys.finish();
    return read;
  }

  /** Keys of which another value would mean another network. */
  private static void requireUsual(ConfigKeys keys) throws DataException {
    keys.require("_class_name", "UNet2DConditionModel");
    keys.require("addition_embed_type", null, "an SDXL network has text_time here");
    keys.require("num_attention_heads", null, "attention_head_dim is the number of heads");
    keys.require("mid_block_type", "UNetMidBlock2DCrossAttn");
    keys.require("only_cross_attention", false);
    keys.require("act_fn", "silu");
    keys.require("transformer_layers_per_block", 1);
    keys.require("encoder_hid_dim", null, null);
    keys.require("encoder_hid_dim_type", null, null);
    keys.require("dual_cross_attention", false);
    keys.require("class_embed_type", null, null);
    keys.require("num_class_embeds", null, null);
    keys.require("resnet_time_scale_shift", "default");
    keys.require("resnet_skip_time_act", false);
    keys.require("resnet_out_scale_factor", 1);
    keys.require("time_embedding_type", "positional");
    keys.require("time_embedding_dim", null, null);
    keys.require("time_embedding_act_fn", null, null);
    keys.require("timestep_post_act", null, null);
    keys.require("conv_in_kernel", 3);
    keys.require("conv_out_kernel", 3);
    keys.require("attention_type", "default");
    keys.require("mid_block_only_cross_attention", null, null);
    keys.require("cross_attention_norm", null, null);
    keys.require("downsample_padding", 1);
    keys.require("mid_block_scale_factor", 1);
    keys.require("center_input_sample", false);
    keys.require("flip_sin_to_cos", true);
    keys.require("freq_shift", 0);
    keys.require("norm_eps", EPS);
  }

  private static List<Boolean> attention(
      ConfigKeys keys, String key, List<String> usual, String with, String without, int levels)
      throws DataException {
    List<Boolean> attention = new ArrayList<>();
    for (String type : keys.texts(key, usual, levels)) {
      if (!type.equals(with) && !type.equals(without)) {
        throw keys.refuse(key, "has " + type + "; expected " + with + " or " + without);
      }
      attention.add(type.equals(with));
    }
    return attention;
  }

  @Override
  public Part part() {
    return Part.UNET;
  }

  /** The same with a table of classes. */
  public UNetDescription withClasses(int rows) {
    return with(guidanceWidth, rows);
  }

  /** The same with an embedded guidance strength of this width. */
  public UNetDescription withGuidance(int width) {
    return with(width, classRows);
  }

  private UNetDescription with(int guidance, int classes) {
    return new UNetDescription(
        inChannels,
        outChannels,
        channels,
        downAttention,
        upAttention,
        layers,
        context,
        heads,
        linearProjection,
        groups,
        guidance,
        classes);
  }

  @Override
  public ObjectNode toJson() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("_class_name", "UNet2DConditionModel");
    json.put("act_fn", "silu");
    array(json, "attention_head_dim", heads);
    array(json, "block_out_channels", channels);
    json.put("center_input_sample", false);
    json.put("cross_attention_dim", context);
    types(json, "down_block_types", downAttention, TRANSFORMERS_DOWN, PLAIN_DOWN);
    json.put("downsample_padding", 1);
    json.put("flip_sin_to_cos", true);
    json.put("freq_shift", 0);
    json.put("in_channels", inChannels);
    json.put("layers_per_block", layers);
    json.put("mid_block_scale_factor", 1);
    json.put("norm_eps", EPS);
    json.put("norm_num_groups", groups);
    json.put("out_channels", outChannels);
    if (guidanceWidth > 0) {
      json.put("time_cond_proj_dim", guidanceWidth);
    }
    types(json, "up_block_types", upAttention, TRANSFORMERS_UP, PLAIN_UP);
    if (linearProjection) {
      json.put("use_linear_projection", true);
    }
    return json;
  }

  private static void array(ObjectNode json, String key, List<Integer> values) {
    ArrayNode array = json.putArray(key);
    values.forEach(array::add);
  }

  private static void types(
      ObjectNode json, String key, List<Boolean> attention, String with, String without) {
    ArrayNode array = json.putArray(key);
    attention.forEach(one -> array.add(one ? with : without));
  }

  @Override
  public SequencedMap<String, long[]> shapes() {
    ParameterShapes shapes = new ParameterShapes();
    int first = channels.getFirst();
    int time = 4 * first;
    shapes.convolution("conv_in", first, inChannels, 3);
    if (guidanceWidth > 0) {
      shapes.add("time_embedding.cond_proj.weight", first, guidanceWidth);
    }
    shapes.linear("time_embedding.linear_1", time, first);
    shapes.linear("time_embedding.linear_2", time, time);
    if (classRows > 0) {
      shapes.add(CLASS_TABLE, classRows, context);
    }
    for (UNetStage stage : stages()) {
      for (UNetStage.Block block : stage.blocks()) {
        shapes.resnet(block.resnet(), block.in(), block.out(), time);
        if (block.transformer() != null) {
          shapes.transformer(block.transformer(), block.out(), context, linearProjection);
        }
      }
      if (stage.resampler() != null) {
        int width = stage.blocks().getLast().out();
        shapes.convolution(stage.resampler(), width, width, 3);
      }
    }
    shapes.norm("conv_norm_out", first);
    shapes.convolution("conv_out", outChannels, first, 3);
    return shapes.all();
  }

  /** The stages on the way down, from the outermost. */
  public List<UNetStage> down() {
    return UNetStage.down(this);
  }

  /** The stage between the ways down and up. */
  public UNetStage middle() {
    return UNetStage.middle(this);
  }

  /** The stages on the way up, from the innermost. */
  public List<UNetStage> up() {
    return UNetStage.up(this);
  }

  /** All stages in the order in which they run. */
  public List<UNetStage> stages() {
    List<UNetStage> stages = new ArrayList<>(down());
    stages.add(middle());
    stages.addAll(up());
    return stages;
  }

  @Override
  public TensorNames diffusers() {
    return TensorNames.own("diffusers'", _ -> false);
  }

  @Override
  public TensorNames single() {
    return UNetNames.table(this).names("CompVis'");
  }
}
