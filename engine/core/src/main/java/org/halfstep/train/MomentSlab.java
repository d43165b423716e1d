package org.halfstep.train;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Slab;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.safetensors.ComputedTensor;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.TensorView;

/**
 * A moment of the optimizer: a number per parameter of a graph, in the layout of its weights, in
 * float32 or bfloat16.
 */
public final class MomentSlab implements AutoCloseable {
  private final Device device;
  private final Graph graph;
  private final DataType type;
  private final Slab slab;

  /** Zeros. */
  MomentSlab(Device device, Graph graph, DataType type, String purpose) {
    this.device = device;
    this.graph = graph;
    this.type = type;
    this.slab = device.allocate(purpose, type.bytes() * graph.parameterFloats());
  }

  long address() {
    return slab.address();
  }

  /** Numbers, alignment gaps included (they stay zero). */
  long numbers() {
    return graph.parameterFloats();
  }

  long bytes() {
    return slab.bytes();
  }

  /** The type of its numbers in files. */
  Dtype dtype() {
    return type == DataType.BF16 ? Dtype.BF16 : Dtype.F32;
  }

  /** All numbers on their way to a file, read part by part. */
  ComputedTensor tensor(String name) {
    return new ComputedTensor(
        name,
        dtype(),
        new long[] {numbers()},
        (offset, target) -> device.download(address() + offset, target, target.byteSize()));
  }

  /** Overwrites the whole slab from a host segment of {@link #bytes} bytes. */
  void upload(MemorySegment source) {
    device.upload(source, address(), bytes());
  }

  /** All numbers as they are, widened. */
  public float[] toArray() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(bytes(), Float.BYTES);
      device.download(address(), data, bytes());
      return new TensorView(slab.purpose(), dtype(), new long[] {numbers()}, data).floats();
    }
  }

  /** Those of one parameter. */
  public float[] get(Parameter parameter) {
    int first = Math.toIntExact(parameter.offset());
    return Arrays.copyOfRange(toArray(), first, first + Math.toIntExact(parameter.size()));
  }

  @Override
  public void close() {
    slab.close();
  }
}
