package org.halfstep.model;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.safetensors.ComputedTensor;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsWriter;

/** Writes the parameters of a graph to a file of tensors, one after the other. */
final class ParameterFile {
  /** Gives a parameter's numbers. */
  @FunctionalInterface
  interface Numbers {
    /** Writes them as float32. */
    void copy(Parameter parameter, MemorySegment destination);
  }

  private ParameterFile() {}

  /**
   * Writes all parameters.
   *
   * @param dtype float32, float16 or bfloat16; int8 weights and their scales have types of their
   *     own
   */
  static void write(
      Path path, Graph graph, Numbers numbers, Dtype dtype, Map<String, String> metadata)
      throws IOException {
    long largest = graph.parameters().values().stream().mapToLong(Parameter::size).max().orElse(0);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment room = arena.allocate(Float.BYTES * largest, Float.BYTES);
      List<ComputedTensor> tensors = new ArrayList<>();
      for (Parameter parameter : graph.parameters().values()) {
        long[] shape = parameter.shape().stream().mapToLong(Integer::longValue).toArray();
        Dtype own = QuantizedTensors.dtype(graph, parameter.name(), dtype);
        MemorySegment data = room.asSlice(0, Float.BYTES * parameter.size());
        tensors.add(
            ComputedTensor.whole(
                parameter.name(),
                own,
                shape,
                () -> {
                  numbers.copy(parameter, data);
                  return tensor(parameter.name(), own, shape, data);
                }));
      }
      SafetensorsWriter.write(path, tensors, metadata);
    }
  }

  private static NamedTensor tensor(String name, Dtype own, long[] shape, MemorySegment data) {
    return switch (own) {
      case I8 -> new NamedTensor(name, own, shape, QuantizedTensors.bytes(data));
      case F32 -> NamedTensor.f32(name, shape, data);
      case BF16 -> NamedTensor.bf16(name, shape, data);
      case F16 -> NamedTensor.f16(name, shape, data);
      default ->
          throw new IllegalArgumentException("weights are stored as F32, F16 or BF16, not " + own);
    };
  }
}
