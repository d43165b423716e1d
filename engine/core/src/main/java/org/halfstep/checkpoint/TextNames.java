package org.halfstep.checkpoint;

import java.util.List;
import java.util.Optional;
import org.halfstep.model.TensorNames;
import org.halfstep.model.TensorPlace;
import org.halfstep.model.TensorPlace.Stored;

/**
 * The names of a text encoder: transformers' with or without their prefix, and OpenCLIP's, which
 * keeps queries, keys and values in one tensor. Source: specification 1.4.
 */
final class TextNames {
  static final String PREFIX = "text_model.";

  private static final String LAYERS = PREFIX + "encoder.layers.";
  private static final String POSITIONS = PREFIX + "embeddings.position_embedding.weight";
  private static final String FUSED = "transformer.resblocks.";
  private static final List<String> QUERY_KEY_VALUE = List.of("q_proj", "k_proj", "v_proj");

  private static final String[][] LAYER = {
    {"layer_norm1", "ln_1"},
    {"layer_norm2", "ln_2"},
    {"mlp.fc1", "mlp.c_fc"},
    {"mlp.fc2", "mlp.c_proj"},
    {"self_attn.out_proj", "attn.out_proj"},
  };

  private TextNames() {}

  static TensorNames transformers() {
    return new TensorNames() {
      @Override
      public String layout() {
        return "transformers'";
      }

      @Override
      public List<TensorPlace> places(String parameter) {
        return List.of(Stored.whole(parameter), Stored.whole(parameter.substring(PREFIX.length())));
      }

      @Override
      public boolean ignores(String tensor) {
        return tensor.endsWith("position_ids")
            || tensor.equals("text_projection.weight")
            || tensor.equals("logit_scale");
      }
    };
  }

  /**
   * @param layers how many are run; files have one more, which is not
   */
  static TensorNames openClip(int layers) {
    ModuleTable table = table(layers);
    return new TensorNames() {
      @Override
      public String layout() {
        return "OpenCLIP's";
      }

      @Override
      public List<TensorPlace> places(String parameter) {
        if (parameter.equals(POSITIONS)) {
          return List.of(Stored.whole("positional_embedding"));
        }
        return rows(parameter)
            .<TensorPlace>map(rows -> rows)
            .or(() -> table.theirs(parameter).map(Stored::whole))
            .map(List::of)
            .orElse(List.of());
      }

      @Override
      public boolean ignores(String tensor) {
        return tensor.startsWith(FUSED + layers + ".")
            || tensor.startsWith("visual.")
            || tensor.equals("text_projection")
            || tensor.endsWith("logit_scale")
            || tensor.endsWith("attn_mask")
            || tensor.endsWith("position_ids");
      }
    };
  }

  static ModuleTable table(int layers) {
    ModuleTable table =
        new ModuleTable()
            .pair(PREFIX + "embeddings.token_embedding", "token_embedding")
            .pair(PREFIX + "final_layer_norm", "ln_final");
    for (int i = 0; i < layers; i++) {
      for (String[] part : LAYER) {
        table.pair(LAYERS + i + "." + part[0], FUSED + i + "." + part[1]);
      }
    }
    return table;
  }

  /** Queries, keys and values are rows of one tensor, in this order. */
  private static Optional<Stored> rows(String parameter) {
    if (!parameter.startsWith(LAYERS)) {
      return Optional.empty();
    }
    String[] components = parameter.substring(LAYERS.length()).split("\\.");
    int part = components.length == 4 ? QUERY_KEY_VALUE.indexOf(components[2]) : -1;
    return part < 0
        ? Optional.empty()
        : Optional.of(
            Stored.whole(FUSED + components[0] + ".attn.in_proj_" + components[3]).part(part, 3));
  }
}
