package org.halfstep.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.halfstep.files.DataException;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Weights;
import org.halfstep.safetensors.ComputedTensor;
import org.halfstep.safetensors.ConvertedTensor;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.TensorView;
import org.halfstep.safetensors.Tensors;
import org.halfstep.safetensors.WritableTensor;

/**
 * One network's numbers in memory, its weights or their moving average, as tensors of float32 under
 * the names of diffusers and in its shapes: what a checkpoint is written from after a training.
 * Nothing is copied before it is asked for, and what is on its way to a file is copied one tensor
 * at a time, into the same memory.
 */
final class WeightTensors implements Tensors {
  private final String origin;
  private final Weights weights;
  private final NetworkDescription network;
  private final Map<String, Parameter> parameters = new LinkedHashMap<>();

  /** As large as the largest tensor; null until one is written. */
  private MemorySegment room;

  private WeightTensors(String origin, Weights weights, NetworkDescription network) {
    this.origin = origin;
    this.weights = weights;
    this.network = network;
  }

  /**
   * The parameters of a network.
   *
   * @param origin what they are, for error texts
   * @param weights with its parameters, and perhaps another network's; they stay the caller's
   * @throws DataException in one line, when one is missing, or of another shape
   */
  static WeightTensors of(String origin, Weights weights, NetworkDescription network)
      throws DataException {
    WeightTensors tensors = new WeightTensors(origin, weights, network);
    for (Map.Entry<String, long[]> expected : network.shapes().entrySet()) {
      String name = expected.getKey();
      Parameter parameter = weights.graph().parameters().get(name);
      long[] found = parameter == null ? null : shape(parameter);
      if (found == null
          || !Arrays.equals(
              NetworkTensors.significant(found), NetworkTensors.significant(expected.getValue()))) {
        throw new DataException(
            origin,
            "parameter "
                + name
                + (found == null ? " is missing" : " has shape " + Arrays.toString(found))
                + "; "
                + network.part().noun()
                + " of this configuration has "
                + Arrays.toString(expected.getValue()));
      }
      tensors.parameters.put(name, parameter);
    }
    return tensors;
  }

  private static long[] shape(Parameter parameter) {
    return parameter.shape().stream().mapToLong(Integer::longValue).toArray();
  }

  @Override
  public String origin() {
    return origin;
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(parameters.keySet());
  }

  /** A copy: the numbers as they are now. */
  @Override
  public Optional<TensorView> find(String name) {
    return Optional.ofNullable(parameters.get(name))
        .map(parameter -> copy(name, parameter, memory(parameter.size())));
  }

  /** The numbers as they are when it is written. */
  @Override
  public WritableTensor writable(String name, Dtype floating) {
    Parameter parameter = parameters.get(name);
    return ComputedTensor.whole(
        name,
        floating == null ? Dtype.F32 : floating,
        network.shapes().get(name),
        () -> ConvertedTensor.of(name, floating, copy(name, parameter, room(parameter))));
  }

  private TensorView copy(String name, Parameter parameter, MemorySegment numbers) {
    weights.copy(parameter, numbers);
    return new TensorView(name, Dtype.F32, network.shapes().get(name), numbers);
  }

  private MemorySegment room(Parameter parameter) {
    if (room == null) {
      room = memory(parameters.values().stream().mapToLong(Parameter::size).max().orElseThrow());
    }
    return room.asSlice(0, Float.BYTES * parameter.size());
  }

  private static MemorySegment memory(long floats) {
    return Arena.ofAuto().allocate(Float.BYTES * floats, Float.BYTES);
  }

  @Override
  public void close() {}
}
