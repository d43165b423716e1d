package org.halfstep.model;

import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Parameter.Initializer;
import org.halfstep.graph.Value;

/** Norms are part of the convolutions that read them, where the device can: as networks run. */
final class FusedLayers extends Layers {
  FusedLayers(Graph graph) {
    super(graph);
  }

  @Override
  public Value convolution(
      Normed normed, Resize resize, Initializer initializer, Value residual, Integer... shape) {
    String name = normed.reader();
    if (resize != Resize.NONE) {
      Value read = resize(name + " branch", graph().groupNorm(normed.norm()), resize);
      return convolution(name, read, 1, initializer, residual, shape);
    }
    Parameter weight = weight(name, initializer, shape);
    Parameter bias = bias(name, initializer, shape);
    return graph()
        .groupNormConvolution(
            normed.norm(),
            normed.dropout(),
            normed.dropoutLayer(),
            name + INPUT + ".0",
            name,
            weight,
            bias,
            kernel(shape),
            residual);
  }

  @Override
  public Value convolution(String name, Value read, Form form, Integer... shape) {
    Parameter weight = weight(name, form.initializer(), shape);
    Parameter bias = bias(name, form, shape);
    return plain(name, read, form, weight, bias);
  }
}
