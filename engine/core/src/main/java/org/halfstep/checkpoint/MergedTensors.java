package org.halfstep.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.halfstep.checkpoint.LowRankUpdates.Update;
import org.halfstep.safetensors.Bfloat16;
import org.halfstep.safetensors.TensorView;
import org.halfstep.safetensors.Tensors;

/**
 * A network's tensors with low-rank updates in some of them: those have memory of their own, in the
 * type that they had; the others stay where they are.
 */
final class MergedTensors implements Tensors {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Tensors base;
  private final Arena arena = Arena.ofShared();
  private final Map<String, TensorView> merged = new HashMap<>();

  /**
   * Computes all of them.
   *
   * @param base closed with this
   * @param updates by the names of the tensors
   */
  MergedTensors(Tensors base, Map<String, Update> updates, double strength) {
    this.base = base;
    try {
      updates.forEach(
          (name, update) -> {
            TensorView tensor = base.find(name).orElseThrow();
            merged.put(name, merged(tensor, update, strength * update.scale()));
            base.unload();
          });
    } catch (RuntimeException | Error failure) {
      arena.close();
      throw failure;
    }
  }

  /** {@code tensor + factor up down}, row by row. */
  private TensorView merged(TensorView tensor, Update update, double factor) {
    int rows = Math.toIntExact(tensor.shape()[0]);
    int columns = Math.toIntExact(tensor.elements() / rows);
    int rank = Math.toIntExact(update.down().shape()[0]);
    float[] down = update.down().floats();
    float[] up = update.up().floats();
    MemorySegment data = arena.allocate(tensor.data().byteSize(), Long.BYTES);
    TensorView result = new TensorView(tensor.name(), tensor.dtype(), tensor.shape(), data);
    IntStream.range(0, rows)
        .parallel()
        .forEach(
            row -> {
              double[] sums = new double[columns];
              for (int k = 0; k < rank; k++) {
                double weight = factor * up[row * rank + k];
                int from = k * columns;
                for (int i = 0; i < columns; i++) {
                  sums[i] += weight * down[from + i];
                }
              }
              long first = (long) row * columns;
              for (int i = 0; i < columns; i++) {
                put(result, first + i, (float) (tensor.floatAt(first + i) + sums[i]));
              }
            });
    return result;
  }

  private static void put(TensorView tensor, long index, float value) {
    MemorySegment data = tensor.data();
    switch (tensor.dtype()) {
      case F32 -> data.set(FLOAT, index * Float.BYTES, value);
      case F16 -> data.set(SHORT, index * Short.BYTES, Float.floatToFloat16(value));
      case BF16 -> data.set(SHORT, index * Short.BYTES, Bfloat16.fromFloat(value));
      default -> throw new IllegalStateException(tensor + " is not a weight");
    }
  }

  @Override
  public String origin() {
    return base.origin();
  }

  @Override
  public Set<String> names() {
    return base.names();
  }

  @Override
  public Optional<TensorView> find(String name) {
    TensorView own = merged.get(name);
    return own == null ? base.find(name) : Optional.of(own);
  }

  @Override
  public void unload() {
    base.unload();
  }

  @Override
  public void close() {
    arena.close();
    base.close();
  }
}
