package org.halfstep.checkpoint;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.SequencedMap;
import org.halfstep.files.DataException;
import org.halfstep.model.TensorNames;
import org.halfstep.text.ClipTokenizer;

/**
 * CLIP's text encoder: transformers' CLIPTextModel.
 *
 * @param vocabulary entries of the token table
 * @param positions of a sequence
 * @param width of a token
 * @param inner width of the feed-forward layers
 * @param layers how many are run
 * @param heads of attention
 * @param isQuick whether its activation is x sigmoid(1.702 x), as OpenAI's networks have it, in
 *     place of the exact GELU of OpenCLIP's
 */
public record TextDescription(
    int vocabulary, int positions, int width, int inner, int layers, int heads, boolean isQuick)
    implements TextEncoderDescription {
  static final String QUICK = "quick_gelu";
  static final String EXACT = "gelu";
  private static final double EPS = 1e-5;
  private static final int MOST_TOKENS = 1 << 20;
  private static final int MOST_LAYERS = 128;
  private static final int WIDEST = 16_384;

  /** Reads a config.json. */
  static TextDescription of(ConfigKeys keys) throws DataException {
    String kind = keys.text("model_type", "clip_text_model");
    if (!kind.equals("clip_text_model")) {
      throw keys.refuse("model_type", "is " + kind + "; expected clip_text_model");
    }
    keys.require("layer_norm_eps", EPS);
    // Its ids of special tokens are wrong in every published file; the others are of no use here.
    keys.ignore("architectures", "attention_dropout", "bos_token_id", "dropout", "dtype");
    keys.ignore("eos_token_id", "initializer_factor", "initializer_range", "pad_token_id");
    keys.ignore("projection_dim", "torch_dtype", "transformers_version");
    int width = keys.whole("hidden_size", 512, 1, WIDEST);
    int heads = keys.whole("num_attention_heads", 8, 1, 1024);
    if (width % heads != 0) {
      throw keys.refuse(
          "num_attention_heads", "is " + heads + ", which does not divide hidden_size, " + width);
    }
    TextDescription read =
        new TextDescription(
            keys.whole("vocab_size", 49_408, 3, MOST_TOKENS),
            keys.whole("max_position_embeddings", 77, 2, 4096),
            width,
            keys.whole("intermediate_size", 2048, 1, 4 * WIDEST),
            keys.whole("num_hidden_layers", 12, 1, MOST_LAYERS),
            heads,
            isQuick(keys));
    keys.finish();
    return read;
  }

  /** Which of the two activations a configuration of CLIP names. */
  static boolean isQuick(ConfigKeys keys) throws DataException {
    String activation = keys.text("hidden_act", QUICK);
    if (!activation.equals(QUICK) && !activation.equals(EXACT)) {
      throw keys.refuse("hidden_act", "is " + activation + "; expected " + QUICK + " or " + EXACT);
    }
    return activation.equals(QUICK);
  }

  /**
   * What {@link #toJson} wrote.
   *
   * @throws IllegalArgumentException in one line that names the key
   */
  public static TextDescription fromJson(ObjectNode json) {
    try {
      return of(new ConfigKeys(json, "text encoder", _ -> {}));
    } catch (DataException refused) {
      throw new IllegalArgumentException(refused.getMessage(), refused);
    }
  }

  /**
   * A tokenizer with the padding that this encoder was trained with, where its files name none: 0
   * for OpenCLIP's, the end token for OpenAI's.
   */
  public ClipTokenizer padded(ClipTokenizer tokenizer) {
    return tokenizer.namesPadding() || isQuick ? tokenizer : tokenizer.withPadding(0);
  }

  @Override
  public ClipTokenizer openTokenizer(Path path) throws IOException {
    return padded(ClipTokenizer.open(path));
  }

  @Override
  public ObjectNode toJson() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.putArray("architectures").add("CLIPTextModel");
    json.put("hidden_act", isQuick ? QUICK : EXACT);
    json.put("hidden_size", width);
    json.put("intermediate_size", inner);
    json.put("layer_norm_eps", EPS);
    json.put("max_position_embeddings", positions);
    json.put("model_type", "clip_text_model");
    json.put("num_attention_heads", heads);
    json.put("num_hidden_layers", layers);
    json.put("vocab_size", vocabulary);
    return json;
  }

  @Override
  public SequencedMap<String, long[]> shapes() {
    ParameterShapes shapes = new ParameterShapes();
    shapes.add("text_model.embeddings.token_embedding.weight", vocabulary, width);
    shapes.add("text_model.embeddings.position_embedding.weight", positions, width);
    shapes.clipLayers("text_model.", layers, width, inner);
    shapes.norm("text_model.final_layer_norm", width);
    return shapes.all();
  }

  @Override
  public TensorNames diffusers() {
    return TextNames.transformers();
  }

  /** OpenAI's networks keep transformers' names in single files; the others have OpenCLIP's. */
  @Override
  public TensorNames single() {
    return isQuick ? TextNames.transformers() : TextNames.openClip(layers);
  }
}
