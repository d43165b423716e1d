package org.halfstep.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Collections;
import java.util.Optional;
import java.util.Set;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Weights;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.TensorView;
import org.halfstep.safetensors.Tensors;

/**
 * The numbers of a network in memory, its weights or their moving average, as tensors of float32
 * under its parameters' names: what a checkpoint is written from after a training.
 *
 * @param origin what they are, for error texts
 * @param weights stay the caller's
 */
public record WeightTensors(String origin, Weights weights) implements Tensors {
  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(weights.graph().parameters().keySet());
  }

  /** A copy: the numbers as they are now. */
  @Override
  public Optional<TensorView> find(String name) {
    Parameter parameter = weights.graph().parameters().get(name);
    if (parameter == null) {
      return Optional.empty();
    }
    MemorySegment numbers = Arena.ofAuto().allocate(Float.BYTES * parameter.size(), Float.BYTES);
    weights.copy(parameter, numbers);
    long[] shape = parameter.shape().stream().mapToLong(Integer::longValue).toArray();
    return Optional.of(new TensorView(name, Dtype.F32, shape, numbers));
  }

  @Override
  public void close() {}
}
