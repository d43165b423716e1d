package org.halfstep.checkpoint;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.SequencedMap;
import org.halfstep.files.DataException;

/**
 * CLIP's image encoder: the vision_model of transformers' CLIPModel.
 *
 * @param side of the square images, in pixels
 * @param patch side of the squares that images are cut into
 * @param width of a token
 * @param inner width of the feed-forward layers
 * @param layers how many
 * @param heads of attention
 * @param isQuick whether its activation is x sigmoid(1.702 x) in place of the exact GELU
 */
public record ClipImageDescription(
    int side, int patch, int width, int inner, int layers, int heads, boolean isQuick) {
  private static final int CHANNELS = 3;
  private static final double EPS = 1e-5;
  private static final int LARGEST_SIDE = 4096;
  private static final int MOST_LAYERS = 128;
  private static final int MOST_PATCHES = 1 << 14;
  private static final int WIDEST = 16_384;

  public ClipImageDescription {
    if (patch < 1 || side < patch || side % patch != 0) {
      throw new IllegalArgumentException(
          "image encoder: images of side " + side + " do not split into patches of side " + patch);
    }
    if ((long) (side / patch) * (side / patch) > MOST_PATCHES) {
      throw new IllegalArgumentException(
          "image encoder: images of side " + side + " have more than " + MOST_PATCHES + " patches");
    }
  }

  /**
   * What {@link #toJson} wrote.
   *
   * @throws IllegalArgumentException in one line that names the key
   */
  public static ClipImageDescription fromJson(ObjectNode json) {
    try {
      return of(new ConfigKeys(json, "image encoder", _ -> {}));
    } catch (DataException refused) {
      throw new IllegalArgumentException(refused.getMessage(), refused);
    }
  }

  /** The keys and values of the vision_config that describes it. */
  public ObjectNode toJson() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("hidden_act", isQuick ? TextDescription.QUICK : TextDescription.EXACT);
    json.put("hidden_size", width);
    json.put("image_size", side);
    json.put("intermediate_size", inner);
    json.put("layer_norm_eps", EPS);
    json.put("model_type", "clip_vision_model");
    json.put("num_attention_heads", heads);
    json.put("num_channels", CHANNELS);
    json.put("num_hidden_layers", layers);
    json.put("patch_size", patch);
    return json;
  }

  /** Reads the vision_config of a config.json. */
  static ClipImageDescription of(ConfigKeys keys) throws DataException {
    keys.require("layer_norm_eps", EPS);
    keys.require("num_channels", CHANNELS);
    int width = keys.whole("hidden_size", 768, 1, WIDEST);
    int heads = keys.whole("num_attention_heads", 12, 1, 1024);
    if (width % heads != 0) {
      throw keys.refuse(
          "num_attention_heads", "is " + heads + ", which does not divide hidden_size, " + width);
    }
    int side = keys.whole("image_size", 224, 1, LARGEST_SIDE);
    int patch = keys.whole("patch_size", 32, 1, LARGEST_SIDE);
    int inner = keys.whole("intermediate_size", 3072, 1, 4 * WIDEST);
    int layers = keys.whole("num_hidden_layers", 12, 1, MOST_LAYERS);
    boolean isQuick = TextDescription.isQuick(keys);
    try {
      return new ClipImageDescription(side, patch, width, inner, layers, heads, isQuick);
    } catch (IllegalArgumentException impossible) {
      throw keys.refuse("patch_size", impossible.getMessage());
    }
  }

  /** Every parameter with its extents, in the order in which the network runs. */
  public SequencedMap<String, long[]> shapes() {
    String model = "vision_model.";
    ParameterShapes shapes = new ParameterShapes();
    int tokens = side / patch * (side / patch) + 1;
    shapes.add(model + "embeddings.class_embedding", width);
    shapes.add(model + "embeddings.patch_embedding.weight", width, CHANNELS, patch, patch);
    shapes.add(model + "embeddings.position_embedding.weight", tokens, width);
    // The spelling of all published files.
    shapes.norm(model + "pre_layrnorm", width);
    shapes.clipLayers(model, layers, width, inner);
    shapes.norm(model + "post_layernorm", width);
    return shapes.all();
  }
}
