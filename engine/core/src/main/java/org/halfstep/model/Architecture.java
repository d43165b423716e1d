package org.halfstep.model;

import java.util.List;
import java.util.Map;
import org.halfstep.graph.Graph;

/**
 * A network without its weights: a record of the numbers that its shape follows from, which writes
 * itself in {@link Layers} and says by {@link Ports} what its inputs and outputs are. With weights
 * it is a {@link Network}.
 */
public interface Architecture {
  /** The kind of file that networks of this architecture are kept in. */
  NetworkFormat<?, ?> format();

  /** Writes the network: inputs, layers, parameters and outputs, into the graph of the layers. */
  void write(Layers layers);

  /** The inputs and outputs of a graph that {@link #write} wrote, in any vocabulary. */
  Ports ports(Graph graph);

  /** One line of JSON, as {@link #format} reads it. */
  String toJson();

  /**
   * A number of tensors that no network of this shape has fewer of, from the numbers alone: a file
   * with fewer is refused before the graph is built.
   */
  default long leastTensors() {
    return 1;
  }

  /** Describes the network as it runs and is trained. */
  default Graph graph() {
    Layers layers = new FusedLayers(new Graph());
    write(layers);
    return layers.graph();
  }

  /**
   * Describes the same network, with the same parameters at the same places, for measuring what
   * convolutions read: the values that {@link #int8Layers} names are kept apart. For inference.
   */
  default Graph calibrationGraph() {
    Layers layers = new SeparateLayers(new Graph());
    write(layers);
    return layers.graph();
  }

  /** Describes the network for inference in int8 ({@link Int8Layers}). */
  default Graph int8Graph() {
    Layers layers = new Int8Layers(new Graph());
    write(layers);
    return layers.graph();
  }

  /**
   * The layers that {@link #int8Graph} computes in bytes, each with the names of the values that it
   * reads in {@link #calibrationGraph}: one, or the two of a concatenation.
   */
  default Map<String, List<String>> int8Layers() {
    return Layers.quantized(this::write);
  }
}
