package org.halfstep.graph;

import java.lang.foreign.MemorySegment;
import org.halfstep.device.Device;
import org.halfstep.device.Slab;

/**
 * One float per parameter of a graph, in one range of device memory: the weights, their gradients,
 * a moment of the optimizer, or a moving average. All slabs of a graph share its layout, so a step
 * over all parameters is one pass.
 */
public final class ParameterSlab implements Weights {
  private final Device device;
  private final Graph graph;
  private final Slab slab;

  public ParameterSlab(Device device, Graph graph, String purpose) {
    this.device = device;
    this.graph = graph;
    this.slab = device.allocate(purpose, Float.BYTES * graph.parameterFloats());
  }

  @Override
  public Graph graph() {
    return graph;
  }

  public long address() {
    return slab.address();
  }

  /** Address of one parameter (of a graph with the same layout). */
  @Override
  public long address(Parameter parameter) {
    return slab.address() + Float.BYTES * parameter.offset();
  }

  /** Floats, alignment gaps included (they stay zero). */
  public long floats() {
    return graph.parameterFloats();
  }

  public long bytes() {
    return slab.bytes();
  }

  /** Overwrites one parameter. */
  public void set(Parameter parameter, float[] values) {
    if (values.length != parameter.size()) {
      throw new IllegalArgumentException(
          parameter + " takes " + parameter.size() + " numbers, got " + values.length);
    }
    device.upload(
        MemorySegment.ofArray(values), address(parameter), (long) Float.BYTES * values.length);
  }

  /** Overwrites one parameter from host memory: float32, as many as it has. */
  public void set(Parameter parameter, MemorySegment values) {
    if (values.byteSize() != Float.BYTES * parameter.size()) {
      throw new IllegalArgumentException(
          parameter
              + " takes "
              + Float.BYTES * parameter.size()
              + " bytes, got "
              + values.byteSize());
    }
    device.upload(values, address(parameter), values.byteSize());
  }

  @Override
  public void copy(Parameter parameter, MemorySegment destination) {
    device.download(address(parameter), destination, Float.BYTES * parameter.size());
  }

  /** A copy of one parameter. */
  public float[] get(Parameter parameter) {
    float[] values = new float[Math.toIntExact(parameter.size())];
    device.download(
        address(parameter), MemorySegment.ofArray(values), (long) Float.BYTES * values.length);
    return values;
  }

  /** Copies everything from a slab of the same layout. */
  public void copyFrom(ParameterSlab other) {
    if (other.floats() != floats()) {
      throw new IllegalArgumentException(
          "slabs differ in size: " + floats() + " and " + other.floats() + " floats");
    }
    float[] chunk = new float[Math.toIntExact(Math.min(floats(), 1 << 20))];
    MemorySegment host = MemorySegment.ofArray(chunk);
    for (long done = 0; done < floats(); done += chunk.length) {
      long bytes = Float.BYTES * Math.min(chunk.length, floats() - done);
      device.download(other.address() + Float.BYTES * done, host, bytes);
      device.upload(host, address() + Float.BYTES * done, bytes);
    }
  }

  /** All numbers as one array, for checkpoints of small models and tests. */
  public float[] toArray() {
    float[] values = new float[Math.toIntExact(floats())];
    device.download(address(), MemorySegment.ofArray(values), bytes());
    return values;
  }

  /** Copies the whole slab into a host segment of {@link #bytes} bytes. */
  public void download(MemorySegment destination) {
    device.download(address(), destination, bytes());
  }

  /** Overwrites the whole slab from a host segment of {@link #bytes} bytes. */
  public void upload(MemorySegment source) {
    if (source.byteSize() != bytes()) {
      throw new IllegalArgumentException(
          slab.purpose() + " holds " + bytes() + " bytes, got " + source.byteSize());
    }
    device.upload(source, address(), bytes());
  }

  @Override
  public void close() {
    slab.close();
  }
}
