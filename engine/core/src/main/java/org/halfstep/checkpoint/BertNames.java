package org.halfstep.checkpoint;

import java.util.List;
import org.halfstep.model.TensorNames;
import org.halfstep.model.TensorPlace;
import org.halfstep.model.TensorPlace.Stored;

/**
 * Where transformers' files have the parameters of a text encoder of BERT's kind, and models
 * exported to ONNX, whose matrices are transposed and named by the products that read them.
 */
final class BertNames implements TensorNames {
  static final BertNames NAMES = new BertNames();

  private static final String EMBEDDINGS = "embeddings.";
  private static final String NORM = "LayerNorm";
  private static final String WEIGHT = ".weight";

  private BertNames() {}

  @Override
  public String layout() {
    return "transformers', or a model exported to ONNX";
  }

  @Override
  public List<TensorPlace> places(String parameter) {
    Stored plain = Stored.whole(parameter);
    if (parameter.startsWith(EMBEDDINGS) || !parameter.endsWith(WEIGHT)) {
      return List.of(plain);
    }
    String layer = parameter.substring(0, parameter.length() - WEIGHT.length());
    return layer.endsWith(NORM)
        ? List.of(plain)
        : List.of(plain, Stored.whole(layer + ".MatMul").transpose());
  }

  @Override
  public boolean ignores(String tensor) {
    return tensor.equals(EMBEDDINGS + "position_ids") || tensor.startsWith("pooler.");
  }
}
