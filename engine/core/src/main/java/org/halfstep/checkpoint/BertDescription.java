package org.halfstep.checkpoint;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.SequencedMap;
import org.halfstep.files.DataException;
import org.halfstep.model.TensorNames;
import org.halfstep.text.WordPieceTokenizer;

/**
 * A text encoder of BERT's kind: transformers' BertModel, without its pooler.
 *
 * @param vocabulary entries of the table of word pieces
 * @param positions of the longest sequence
 * @param types of sentences
 * @param width of a token
 * @param inner width of the feed-forward layers
 * @param layers how many
 * @param heads of attention
 */
public record BertDescription(
    int vocabulary, int positions, int types, int width, int inner, int layers, int heads)
    implements TextEncoderDescription {
  /** The encoder of sentences that is called all-MiniLM-L6-v2. */
  public static final BertDescription MINI_LM =
      new BertDescription(30_522, 512, 2, 384, 1536, 6, 12);

  private static final double EPS = 1e-12;
  private static final int MOST_TOKENS = 1 << 20;
  private static final int MOST_LAYERS = 128;
  private static final int WIDEST = 16_384;

  /**
   * Reads a config.json, and what {@link #toJson} wrote.
   *
   * @throws IllegalArgumentException in one line that names the key
   */
  public static BertDescription fromJson(ObjectNode json) {
    try {
      return of(new ConfigKeys(json, "text encoder", _ -> {}));
    } catch (DataException refused) {
      throw new IllegalArgumentException(refused.getMessage(), refused);
    }
  }

  /** Reads a config.json. */
  static BertDescription of(ConfigKeys keys) throws DataException {
    keys.require("model_type", "bert");
    keys.require("layer_norm_eps", EPS);
    keys.require("hidden_act", "gelu");
    keys.require("position_embedding_type", "absolute");
    int width = keys.whole("hidden_size", 768, 1, WIDEST);
    int heads = keys.whole("num_attention_heads", 12, 1, 1024);
    if (width % heads != 0) {
      throw keys.refuse(
          "num_attention_heads", "is " + heads + ", which does not divide hidden_size, " + width);
    }
    return new BertDescription(
        keys.whole("vocab_size", 30_522, 3, MOST_TOKENS),
        keys.whole("max_position_embeddings", 512, 2, MOST_TOKENS),
        keys.whole("type_vocab_size", 2, 1, 1024),
        width,
        keys.whole("intermediate_size", 3072, 1, 4 * WIDEST),
        keys.whole("num_hidden_layers", 12, 1, MOST_LAYERS),
        heads);
  }

  /** The same for shorter sequences: the table of places is cut to these. */
  public BertDescription withPositions(int tokens) {
    if (tokens < 2 || tokens > positions) {
      throw new IllegalArgumentException(
          "the text encoder takes 2 to " + positions + " tokens, got " + tokens);
    }
    return new BertDescription(vocabulary, tokens, types, width, inner, layers, heads);
  }

  @Override
  public WordPieceTokenizer openTokenizer(Path path) throws IOException {
    return WordPieceTokenizer.open(path);
  }

  /** Transformers' names, and those of models exported to ONNX. */
  @Override
  public TensorNames diffusers() {
    return BertNames.NAMES;
  }

  /** No single file has such a text encoder beside a UNet; alone it has transformers' names. */
  @Override
  public TensorNames single() {
    return BertNames.NAMES;
  }

  @Override
  public ObjectNode toJson() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.putArray("architectures").add("BertModel");
    json.put("hidden_act", "gelu");
    json.put("hidden_size", width);
    json.put("intermediate_size", inner);
    json.put("layer_norm_eps", EPS);
    json.put("max_position_embeddings", positions);
    json.put("model_type", "bert");
    json.put("num_attention_heads", heads);
    json.put("num_hidden_layers", layers);
    json.put("position_embedding_type", "absolute");
    json.put("type_vocab_size", types);
    json.put("vocab_size", vocabulary);
    return json;
  }

  @Override
  public SequencedMap<String, long[]> shapes() {
    ParameterShapes shapes = new ParameterShapes();
    shapes.add("embeddings.word_embeddings.weight", vocabulary, width);
    shapes.add("embeddings.position_embeddings.weight", positions, width);
    shapes.add("embeddings.token_type_embeddings.weight", types, width);
    shapes.norm("embeddings.LayerNorm", width);
    for (int i = 0; i < layers; i++) {
      String layer = "encoder.layer." + i;
      for (String part : new String[] {"self.query", "self.key", "self.value", "output.dense"}) {
        shapes.linear(layer + ".attention." + part, width, width);
      }
      shapes.norm(layer + ".attention.output.LayerNorm", width);
      shapes.linear(layer + ".intermediate.dense", inner, width);
      shapes.linear(layer + ".output.dense", width, inner);
      shapes.norm(layer + ".output.LayerNorm", width);
    }
    return shapes.all();
  }
}
