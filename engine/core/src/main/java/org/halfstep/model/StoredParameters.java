package org.halfstep.model;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.halfstep.device.DataType;
import org.halfstep.files.DataException;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.graph.ParameterSource;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.TensorView;
import org.halfstep.safetensors.Tensors;

/**
 * A network's parameters where their files are mapped: float32, float16 or bfloat16, or the bytes
 * of an int8 network; one file or several, under names of ours or another program's. Pages that
 * were read are given back at once, so that what was packed is not held twice.
 */
final class StoredParameters implements ParameterSource {
  /** Types that are read where they are stored. */
  private static final Set<Dtype> READABLE = Set.of(Dtype.F32, Dtype.F16, Dtype.BF16);

  private final Graph graph;
  private final Tensors tensors;
  private final Map<String, StoredParameter> found = new LinkedHashMap<>();

  private StoredParameters(Graph graph, Tensors tensors) {
    this.graph = graph;
    this.tensors = tensors;
  }

  /**
   * Compares tensors with the parameters of a graph, before any memory is taken.
   *
   * @param tensors closed with this source, and only then
   * @throws IOException in one line, when one is missing, unknown, of another shape or type
   */
  static StoredParameters of(Graph graph, Tensors tensors, TensorNames names) throws IOException {
    StoredParameters parameters = new StoredParameters(graph, tensors);
    parameters.requireNoOthers(names);
    for (Parameter parameter : graph.parameters().values()) {
      StoredParameter stored = parameters.find(parameter, names);
      for (TensorView tensor : stored.tensors().toList()) {
        QuantizedTensors.requireType(graph, parameter.name(), tensor, tensors.origin());
      }
      parameters.found.put(parameter.name(), stored);
    }
    return parameters;
  }

  private void requireNoOthers(TensorNames names) throws IOException {
    Set<String> known = new HashSet<>();
    for (String parameter : graph.parameters().keySet()) {
      names.places(parameter).forEach(place -> StoredParameter.names(place).forEach(known::add));
    }
    for (String name : tensors.names()) {
      if (!known.contains(name) && !names.ignores(name)) {
        throw new DataException(
            tensors.origin(), "tensor " + name + " is not part of the network it describes");
      }
    }
  }

  private StoredParameter find(Parameter parameter, TensorNames names) throws IOException {
    List<TensorPlace> places = names.places(parameter.name());
    if (places.isEmpty()) {
      throw new DataException(
          tensors.origin(),
          "is a file of "
              + names.layout()
              + ", which cannot hold "
              + parameter
              + " of this network");
    }
    for (TensorPlace place : places) {
      StoredParameter stored = StoredParameter.find(parameter, place, tensors);
      if (stored != null) {
        return stored;
      }
    }
    throw new DataException(
        tensors.origin(),
        "tensor "
            + StoredParameter.names(places.getFirst()).findFirst().orElseThrow()
            + " is missing"
            + (names == TensorNames.OWN ? "" : "; expected a file of " + names.layout()));
  }

  /**
   * Asks for float32: what goes on from numbers must have those that were written, not roundings.
   *
   * @throws IOException in one line, with the first tensor of another type
   */
  StoredParameters requireExact() throws IOException {
    for (StoredParameter each : found.values()) {
      for (TensorView tensor : each.tensors().toList()) {
        if (tensor.dtype() != Dtype.F32) {
          throw new DataException(
              tensors.origin(),
              "tensor " + tensor.name() + " is " + tensor.dtype() + ", expected F32");
        }
      }
    }
    return this;
  }

  /**
   * Looks at every number: NaN and infinities would make black images, and numbers that mean
   * nothing.
   *
   * @throws IOException in one line, with the first that must not be
   */
  StoredParameters requireNumbers() throws IOException {
    for (Map.Entry<String, StoredParameter> each : found.entrySet()) {
      for (TensorView tensor : each.getValue().tensors().toList()) {
        requireFinite(tensor);
        QuantizedTensors.requireNumbers(graph, each.getKey(), tensor, tensors.origin());
      }
      switch (each.getValue()) {
        case StoredParameter.Scaled scaled -> scaled.norm().requireVariances(tensors.origin());
        case StoredParameter.Shift shift -> shift.norm().requireVariances(tensors.origin());
        case StoredParameter.Numbers _ -> {}
      }
      tensors.unload();
    }
    return this;
  }

  private void requireFinite(TensorView tensor) throws IOException {
    long at = tensor.firstNotFinite();
    if (at >= 0) {
      throw new DataException(
          tensors.origin(),
          "tensor "
              + tensor.name()
              + " has "
              + (tensor.isNaN(at) ? "NaN" : "an infinity")
              + " at "
              + at
              + ", expected finite numbers; the training that made it diverged, or the file is"
              + " damaged");
    }
  }

  /** Bytes of the tensors that are read. */
  long bytes() {
    return found.values().stream()
        .flatMap(StoredParameter::tensors)
        .mapToLong(tensor -> tensor.data().byteSize())
        .sum();
  }

  @Override
  public void copy(Parameter parameter, MemorySegment destination) {
    StoredParameter stored = found.get(parameter.name());
    stored.copy(destination);
    tensors.unload();
  }

  @Override
  public DataType type(Parameter parameter) {
    if (!(found.get(parameter.name()) instanceof StoredParameter.Numbers numbers)) {
      return DataType.F32;
    }
    Dtype type = numbers.tensor().dtype();
    return switch (type) {
      case F32 -> DataType.F32;
      case F16 -> DataType.F16;
      case BF16 -> DataType.BF16;
      case I8 -> DataType.I8;
      default -> throw new IllegalStateException(parameter + " was read from " + type);
    };
  }

  @Override
  public Optional<MemorySegment> mapped(Parameter parameter) {
    if (!(found.get(parameter.name()) instanceof StoredParameter.Numbers numbers)
        || numbers.transposed()) {
      return Optional.empty();
    }
    MemorySegment data = numbers.tensor().data();
    Dtype type = numbers.tensor().dtype();
    boolean isReadable =
        READABLE.contains(type)
            && data.isNative()
            && data.address() % type.bytes() == 0
            && ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;
    return isReadable ? Optional.of(data) : Optional.empty();
  }

  /** Sets all parameters; numbers that lie as they are wanted are not copied on the way. */
  void fill(ParameterSlab weights) {
    for (Parameter parameter : graph.parameters().values()) {
      StoredParameter stored = found.get(parameter.name());
      if (stored instanceof StoredParameter.Numbers plain && isPlain(plain)) {
        weights.set(parameter, plain.tensor().data());
        continue;
      }
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment values = arena.allocate(Float.BYTES * parameter.size(), Float.BYTES);
        stored.copy(values);
        weights.set(parameter, values);
      }
    }
  }

  private static boolean isPlain(StoredParameter.Numbers numbers) {
    return numbers.tensor().dtype() == Dtype.F32
        && !numbers.transposed()
        && numbers.tensor().data().address() % Float.BYTES == 0
        && ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;
  }

  @Override
  public void close() {
    tensors.close();
  }
}
