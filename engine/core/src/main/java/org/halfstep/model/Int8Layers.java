package org.halfstep.model;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.device.Activation;
import org.halfstep.device.Window;
import org.halfstep.graph.Graph;
import org.halfstep.graph.GroupNorm;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Parameter.Initializer;
import org.halfstep.graph.Quantizer;
import org.halfstep.graph.Value;

/**
 * Convolutions read bytes, in inference: those behind a norm, and those whose input was made {@link
 * #readable}. Such a layer has, beside its weight and bias, "weight_scale" (one per output
 * channel), "input_scale" and "input_zero_point"; of layers that are one product the first has the
 * latter two for all.
 */
final class Int8Layers extends Layers {
  private final Map<String, Quantizer> quantizers = new LinkedHashMap<>();

  /** The layers in bytes, in the order in which they were written, each with its quantizer. */
  private final Map<String, String> readers = new LinkedHashMap<>();

  Int8Layers(Graph graph) {
    super(graph);
  }

  /**
   * The layers that compute in bytes, in the order in which they were written, each with the name
   * by which what it reads was made {@link #readable}: its own, or that of the first of the layers
   * that are one product with it.
   */
  Map<String, String> readers() {
    return Collections.unmodifiableMap(readers);
  }

  @Override
  void declareReader(String reader) {
    readers.put(reader, reader);
    quantizers.put(
        reader,
        new Quantizer(
            graph().parameter(reader + ".input_scale", Initializer.ONE, 1, 1),
            graph().parameter(reader + ".input_zero_point", Initializer.ZERO, 1, 1)));
  }

  @Override
  public Value readable(String reader, Value x) {
    declareReader(reader);
    return graph().quantize(reader + INPUT, x, quantizers.get(reader));
  }

  @Override
  public Value convolution(
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
  public Value convolution(String name, Value read, Form form, Integer... shape) {
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

  @Override
  Value product(
      String label,
      List<String> names,
      List<List<Integer>> widths,
      Value read,
      Parameter weight,
      Parameter bias) {
    Quantizer quantizer = quantizers.get(names.getFirst());
    if (quantizer == null) {
      return super.product(label, names, widths, read, weight, bias);
    }
    names.forEach(name -> readers.put(name, names.getFirst()));
    Parameter scale = graph().stack(ending(names, ".weight_scale"), widths, Initializer.ONE, 1);
    return graph()
        .quantizedConvolution(label, read, quantizer, weight, scale, bias, Window.PIXEL, null);
  }
}
