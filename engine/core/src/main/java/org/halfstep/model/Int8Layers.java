package org.halfstep.model;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.halfstep.device.Activation;
import org.halfstep.graph.Graph;
import org.halfstep.graph.GroupNorm;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Parameter.Initializer;
import org.halfstep.graph.Quantizer;
import org.halfstep.graph.Value;

/**
 * Convolutions read bytes, in inference: those behind a norm, and those whose input was made {@link
 * #readable}. Such a layer has, beside its weight and bias, "weight_scale" (one per output
 * channel), "input_scale" and "input_zero_point".
 */
final class Int8Layers extends Layers {
  private final Map<String, Quantizer> quantizers = new LinkedHashMap<>();

  Int8Layers(Graph graph) {
    super(graph);
  }

  /** The layers that compute in bytes, in the order in which they were written. */
  Set<String> quantizers() {
    return Collections.unmodifiableSet(quantizers.keySet());
  }

  @Override
  void declareReader(String reader) {
    quantizers.put(
        reader,
        new Quantizer(
            graph().parameter(reader + ".input_scale", Initializer.ONE, 1, 1),
            graph().parameter(reader + ".input_zero_point", Initializer.ZERO, 1, 1)));
  }

  @Override
  Value readable(String reader, Value x) {
    declareReader(reader);
    return graph().quantize(reader + INPUT, x, quantizers.get(reader));
  }

  @Override
  Value convolution(
      Normed normed, Resize resize, Initializer initializer, Value residual, Integer... shape) {
    String name = normed.reader();
    GroupNorm norm = normed.norm();
    Quantizer quantizer = quantizers.get(name);
    // Bytes are not averaged: that would round twice.
    Value read =
        resize == Resize.DOWN
            ? graph()
                .quantize(
                    name + INPUT,
                    resize(name + " branch", graph().groupNorm(norm), resize),
                    quantizer)
            : resize(name + " branch", graph().groupNormQuantized(norm, quantizer), resize);
    return convolution(name, read, 1, initializer, residual, shape);
  }

  @Override
  Value convolution(String name, Value read, Form form, Integer... shape) {
    Parameter weight = weight(name, form.initializer(), shape);
    Parameter bias = bias(name, form, shape);
    Quantizer quantizer = quantizers.get(name);
    if (quantizer == null) {
      return plain(name, read, form, weight, bias);
    }
    Parameter scale = graph().parameter(name + ".weight_scale", Initializer.ONE, 1, shape[0]);
    Value y =
        graph()
            .quantizedConvolution(
                name, read, quantizer, weight, scale, bias, form.window(), form.residual());
    return form.activation() == Activation.NONE
        ? y
        : graph().activation(name + " " + form.activation(), y, form.activation());
  }
}
