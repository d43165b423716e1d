package org.halfstep.model;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Weights;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsWriter;

/** Writes the parameters of a graph to a file of tensors. */
final class ParameterFile {
  private ParameterFile() {}

  /**
   * Writes all parameters.
   *
   * @param dtype float32, float16 or bfloat16; int8 weights and their scales have types of their
   *     own
   */
  static void write(Path path, Weights values, Dtype dtype, Map<String, String> metadata)
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
              case F16 -> NamedTensor.f16(parameter.name(), shape, data);
              default ->
                  throw new IllegalArgumentException(
                      "weights are stored as F32, F16 or BF16, not " + own);
            });
      }
      SafetensorsWriter.write(path, tensors, metadata);
    }
  }
}
