package org.halfstep.model;

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
  Value convolution(
      Normed normed, Resize resize, Initializer initializer, Value residual, Integer... shape) {
    String name = normed.reader();
    Value read = resize(name + " branch", graph().groupNorm(normed.norm()), resize);
    return convolution(name, read, 1, initializer, residual, shape);
  }

  @Override
  Value convolution(String name, Value read, Form form, Integer... shape) {
    Parameter weight = weight(name, form.initializer(), shape);
    Parameter bias = bias(name, form, shape);
    for (int i = 0; i < read.sources().size(); i++) {
      graph().name(name + INPUT + "." + i, read.sources().get(i));
    }
    return plain(name, read, form, weight, bias);
  }
}
