package org.halfstep.model;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.files.DataException;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.graph.Weights;
import org.halfstep.random.Philox;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.safetensors.TensorView;

/** The parameters of a graph: how they start, and how they go to files of tensors and back. */
public final class ParameterFile {
  private ParameterFile() {}

  /** Fresh parameters; the same seed gives the same numbers on any machine. */
  public static void initialize(ParameterSlab weights, long seed) {
    int number = 0;
    for (Parameter parameter : weights.graph().parameters().values()) {
      weights.set(parameter, initialValues(parameter, Philox.childSeed(seed, number++)));
    }
  }

  static float[] initialValues(Parameter parameter, long seed) {
    float[] values = new float[Math.toIntExact(parameter.size())];
    switch (parameter.initializer()) {
      case ZERO -> {}
      case ONE -> Arrays.fill(values, 1);
      case NORMAL -> Philox.normal(seed, 0, 0, values);
      case FAN_IN_UNIFORM -> {
        Philox.uniform(seed, 0, 0, values);
        double bound = 1 / Math.sqrt(parameter.fanIn());
        for (int i = 0; i < values.length; i++) {
          values[i] = (float) ((2 * values[i] - 1) * bound);
        }
      }
    }
    return values;
  }

  /** All tensors of a file, by name. */
  public static Map<String, TensorView> tensors(SafetensorsFile file) {
    Map<String, TensorView> tensors = new LinkedHashMap<>();
    for (String name : file.names()) {
      tensors.put(name, file.tensor(name));
    }
    return tensors;
  }

  /**
   * Sets all parameters from tensors by checkpoint name.
   *
   * @param origin where they come from, for error texts
   * @throws IOException in one line, when one is missing, unknown or of another shape
   */
  public static void fill(ParameterSlab weights, Map<String, TensorView> tensors, String origin)
      throws IOException {
    Graph graph = weights.graph();
    requireFit(graph, tensors, origin);
    requireNumbers(graph, tensors, origin);
    for (Parameter parameter : graph.parameters().values()) {
      TensorView tensor = tensors.get(parameter.name());
      if (tensor.dtype() == Dtype.F32 && isAligned(tensor)) {
        weights.set(parameter, tensor.data());
        continue;
      }
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment values = arena.allocate(Float.BYTES * parameter.size(), Float.BYTES);
        copy(tensor, values);
        weights.set(parameter, values);
      }
    }
  }

  private static boolean isAligned(TensorView tensor) {
    return tensor.data().address() % Float.BYTES == 0
        && ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;
  }

  /** Numbers as float32, of a tensor that {@link #requireFit} let through. */
  static void copy(TensorView tensor, MemorySegment destination) {
    if (tensor.dtype().isFloating()) {
      tensor.copyFloats(destination, 0);
      return;
    }
    for (long i = 0; i < tensor.elements(); i++) {
      destination.setAtIndex(
          ValueLayout.JAVA_FLOAT, i, tensor.data().get(ValueLayout.JAVA_BYTE, i));
    }
  }

  /**
   * Compares tensors with the parameters of a graph, before any memory is taken.
   *
   * @throws IOException in one line, when one is missing, unknown, of another shape or type
   */
  static void requireFit(Graph graph, Map<String, TensorView> tensors, String origin)
      throws IOException {
    for (String name : tensors.keySet()) {
      if (!graph.parameters().containsKey(name)) {
        throw new DataException(
            origin, "tensor " + name + " is not part of the network it describes");
      }
    }
    for (Parameter parameter : graph.parameters().values()) {
      TensorView tensor = tensors.get(parameter.name());
      if (tensor == null) {
        throw new DataException(origin, "tensor " + parameter.name() + " is missing");
      }
      requireShape(parameter, tensor, origin);
      QuantizedTensors.requireType(graph, tensor, origin);
    }
  }

  /**
   * Looks at every number of tensors that {@link #requireFit} let through: NaN and infinities would
   * make black images, and numbers that mean nothing.
   *
   * @throws IOException in one line, with the first that must not be
   */
  static void requireNumbers(Graph graph, Map<String, TensorView> tensors, String origin)
      throws IOException {
    for (TensorView tensor : tensors.values()) {
      long at = tensor.firstNotFinite();
      if (at >= 0) {
        throw new DataException(
            origin,
            "tensor "
                + tensor.name()
                + " has "
                + (tensor.isNaN(at) ? "NaN" : "an infinity")
                + " at "
                + at
                + ", expected finite numbers; the training that made it diverged, or the file is"
                + " damaged");
      }
      QuantizedTensors.requireNumbers(graph, tensor, origin);
      if (tensor.data().isMapped()) {
        tensor.data().unload();
      }
    }
  }

  private static void requireShape(Parameter parameter, TensorView tensor, String origin)
      throws IOException {
    List<Integer> found = new ArrayList<>();
    for (long extent : tensor.shape()) {
      found.add((int) Math.min(extent, Integer.MAX_VALUE));
    }
    if (!found.equals(parameter.shape())) {
      throw new DataException(
          origin,
          "tensor " + parameter.name() + " has shape " + found + ", expected " + parameter.shape());
    }
  }

  /**
   * Writes all parameters.
   *
   * @param dtype float32 or bfloat16; int8 weights and their scales have types of their own
   */
  public static void write(Path path, Weights values, Dtype dtype, Map<String, String> metadata)
      throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      List<NamedTensor> tensors = new ArrayList<>();
      for (Parameter parameter : values.graph().parameters().values()) {
        MemorySegment data = arena.allocate(Float.BYTES * parameter.size(), Float.BYTES);
        values.copy(parameter, data);
        long[] shape = parameter.shape().stream().mapToLong(Integer::longValue).toArray();
        Dtype own = QuantizedTensors.dtype(values.graph(), parameter.name(), dtype);
        tensors.add(
            switch (own) {
              case I8 ->
                  new NamedTensor(parameter.name(), own, shape, QuantizedTensors.bytes(data));
              case F32 -> NamedTensor.f32(parameter.name(), shape, data);
              case BF16 -> NamedTensor.bf16(parameter.name(), shape, data);
              default ->
                  throw new IllegalArgumentException(
                      "weights are stored as F32 or BF16, not " + own);
            });
      }
      SafetensorsWriter.write(path, tensors, metadata);
    }
  }
}
