package org.halfstep.model;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Weights;

/**
 * The parameters of an int8 network, made of those of the float32 one when they are asked for:
 * rounded weights, their scales, and everything else as it is. Weights are integers as floats.
 */
final class RoundedParameters implements ParameterFile.Numbers {
  private final Weights source;
  private final Graph int8;
  private final Map<String, LayerScales> layers;

  /**
   * @param source of the float32 network
   * @param int8 graph of the same network in int8
   * @param layers scales of each int8 layer
   * @throws IllegalArgumentException in one line, when a layer has none
   */
  RoundedParameters(Weights source, Graph int8, Map<String, LayerScales> layers) {
    this.source = source;
    this.int8 = int8;
    this.layers = layers;
    for (String name : int8.parameters().keySet()) {
      String layer = QuantizedTensors.layer(int8, name);
      if (layer != null && !layers.containsKey(layer)) {
        throw new IllegalArgumentException("there are no scales for layer " + layer);
      }
    }
  }

  @Override
  public void copy(Parameter parameter, MemorySegment destination) {
    String name = parameter.name();
    String layer = QuantizedTensors.layer(int8, name);
    if (layer == null) {
      source.copy(source.graph().parameters().get(name), destination);
      return;
    }
    LayerScales scales = layers.get(layer);
    switch (name.substring(layer.length())) {
      case QuantizedTensors.WEIGHT -> {
        source.copy(source.graph().parameters().get(name), destination);
        round(destination, scales.weights());
      }
      case QuantizedTensors.WEIGHT_SCALE ->
          destination.copyFrom(MemorySegment.ofArray(scales.weights()));
      case QuantizedTensors.INPUT_SCALE ->
          destination.setAtIndex(ValueLayout.JAVA_FLOAT, 0, scales.input());
      default -> destination.setAtIndex(ValueLayout.JAVA_FLOAT, 0, scales.zeroPoint());
    }
  }

  private static void round(MemorySegment weight, float[] perChannel) {
    long perOutput = weight.byteSize() / Float.BYTES / perChannel.length;
    for (int channel = 0; channel < perChannel.length; channel++) {
      for (long i = channel * perOutput; i < (channel + 1) * perOutput; i++) {
        float value = weight.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        weight.setAtIndex(
            ValueLayout.JAVA_FLOAT, i, LayerScales.weightByte(value, perChannel[channel]));
      }
    }
  }
}
