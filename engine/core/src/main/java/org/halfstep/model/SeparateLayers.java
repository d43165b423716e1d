package org.halfstep.model;

import java.util.List;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Parameter.Initializer;
import org.halfstep.graph.Value;

/**
 * What a convolution reads is a value of its own, named after it and {@link Layers#INPUT}: for
 * measuring it, in inference.
 */
final class SeparateLayers extends Layers {
  SeparateLayers(Graph graph) {
    super(graph);
  }

  @Override
  public Value convolution(
      Normed normed, Resize resize, Initializer initializer, Value residual, Integer... shape) {
    String name = normed.reader();
    Value read = resize(name + " branch", graph().groupNorm(normed.norm()), resize);
    return convolution(name, read, 1, initializer, residual, shape);
  }

  @Override
  public Value convolution(String name, Value read, Form form, Integer... shape) {
    Parameter weight = weight(name, form.initializer(), shape);
    Parameter bias = bias(name, form, shape);
    nameInputs(name, read);
    return plain(name, read, form, weight, bias);
  }

  @Override
  Value product(
      String label,
      List<String> names,
      List<List<Integer>> widths,
      Value read,
      Parameter weight,
      Parameter bias) {
    nameInputs(names.getFirst(), read);
    return super.product(label, names, widths, read, weight, bias);
  }

  private void nameInputs(String reader, Value read) {
    for (int i = 0; i < read.sources().size(); i++) {
      graph().name(reader + INPUT + "." + i, read.sources().get(i));
    }
  }
}
