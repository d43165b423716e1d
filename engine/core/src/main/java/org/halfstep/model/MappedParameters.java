package org.halfstep.model;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.ParameterSource;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.TensorView;

/**
 * A network's parameters where their file is mapped: float32, float16 or bfloat16, or the bytes of
 * an int8 network. Pages that were read are given back at once, so that what was packed is not held
 * twice.
 */
final class MappedParameters implements ParameterSource {
  private final SafetensorsFile file;
  private final Map<String, TensorView> tensors;

  /**
   * Takes over an open file.
   *
   * @throws IOException in one line, when a tensor is missing, unknown, of another shape or type,
   *     or holds numbers that it must not
   */
  MappedParameters(SafetensorsFile file, Graph graph) throws IOException {
    this.file = file;
    this.tensors = ParameterFile.tensors(file);
    ParameterFile.requireFit(graph, tensors, file.path().toString());
    ParameterFile.requireNumbers(graph, tensors, file.path().toString());
  }

  @Override
  public void copy(Parameter parameter, MemorySegment destination) {
    TensorView tensor = tensors.get(parameter.name());
    ParameterFile.copy(tensor, destination);
    tensor.data().unload();
  }

  @Override
  public void close() {
    file.close();
  }
}
