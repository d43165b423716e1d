package org.halfstep.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.zip.CRC32;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.TensorView;
import org.halfstep.safetensors.Tensors;

/**
 * A network's parameters from nothing but their names: number i of a tensor is a hash of its name's
 * CRC-32 and i. The same everywhere, so that what networks compute with them can be written down.
 * Source: specification 9.2.
 */
public final class HashedTensors implements Tensors {
  private static final int GOLDEN = 0x9e3779b9;
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Arena arena = Arena.ofShared();
  private final Map<String, TensorView> tensors = new LinkedHashMap<>();

  /** All parameters of a network. */
  public HashedTensors(NetworkDescription network) {
    this(network.shapes());
  }

  /** Tensors of these names and extents. */
  public HashedTensors(Map<String, long[]> shapes) {
    shapes.forEach((name, shape) -> tensors.put(name, tensor(name, shape)));
  }

  /** Number i of the sequence of a name, in -1 .. 1. */
  public static double hash(String name, long i) {
    CRC32 seed = new CRC32();
    seed.update(name.getBytes(StandardCharsets.UTF_8));
    return hash((int) seed.getValue(), i);
  }

  private static double hash(int seed, long i) {
    int h = seed + (int) (i + 1) * GOLDEN;
    h ^= h >>> 16;
    h *= 0x85ebca6b;
    h ^= h >>> 13;
    h *= 0xc2b2ae35;
    h ^= h >>> 16;
    return Integer.toUnsignedLong(h) / (double) (1L << 31) - 1;
  }

  private TensorView tensor(String name, long[] shape) {
    long elements = ParameterShapes.elements(shape);
    MemorySegment data = arena.allocate(Float.BYTES * elements, Float.BYTES);
    CRC32 crc = new CRC32();
    crc.update(name.getBytes(StandardCharsets.UTF_8));
    int seed = (int) crc.getValue();
    // Weights of unit gain; norms near one; offsets near zero.
    double scale = shape.length > 1 ? Math.sqrt(3.0 * shape[0] / elements) : 0.1;
    double offset = shape.length == 1 && name.endsWith(".weight") ? 1 : 0;
    for (long i = 0; i < elements; i++) {
      data.set(FLOAT, i * Float.BYTES, (float) (offset + scale * hash(seed, i)));
    }
    return new TensorView(name, Dtype.F32, shape, data);
  }

  @Override
  public String origin() {
    return "hashed weights";
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(tensors.keySet());
  }

  @Override
  public Optional<TensorView> find(String name) {
    return Optional.ofNullable(tensors.get(name));
  }

  @Override
  public void close() {
    arena.close();
  }
}
