package org.halfstep.model;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.halfstep.files.DataException;
import org.halfstep.graph.Parameter;
import org.halfstep.model.TensorPlace.BatchNorm;
import org.halfstep.model.TensorPlace.ScaledByNorm;
import org.halfstep.model.TensorPlace.ShiftOfNorm;
import org.halfstep.model.TensorPlace.Stored;
import org.halfstep.safetensors.TensorView;
import org.halfstep.safetensors.Tensors;

/**
 * One parameter where its file has it: the tensors that a {@link TensorPlace} names, found, of the
 * right shapes, and read as float32 when they are copied.
 */
sealed interface StoredParameter {
  /** The tensors that it is read from. */
  Stream<TensorView> tensors();

  /** Writes the numbers as float32 in the parameter's order. */
  void copy(MemorySegment destination);

  /**
   * Finds a parameter at a place.
   *
   * @return null when the place is not there
   * @throws IOException in one line, when it is there in part, or of another shape
   */
  static StoredParameter find(Parameter parameter, TensorPlace place, Tensors from)
      throws IOException {
    return switch (place) {
      case Stored stored -> Numbers.find(parameter, stored, from);
      case ScaledByNorm scaled -> {
        Numbers weight = Numbers.find(parameter, scaled.weight(), from);
        yield weight == null
            ? null
            : new Scaled(
                weight, Norm.find(scaled.norm(), parameter.shape().getFirst(), parameter, from));
      }
      case ShiftOfNorm shift ->
          from.find(shift.norm().name() + Norm.OFFSET).isEmpty()
              ? null
              : new Shift(Norm.find(shift.norm(), parameter.shape().getFirst(), parameter, from));
    };
  }

  /** The names that a place reads, whether a file has them or not. */
  static Stream<String> names(TensorPlace place) {
    return switch (place) {
      case Stored stored -> Stream.of(stored.tensor());
      case ScaledByNorm scaled ->
          Stream.concat(Stream.of(scaled.weight().tensor()), Norm.names(scaled.norm()));
      case ShiftOfNorm shift -> Norm.names(shift.norm());
    };
  }

  /** A tensor, or rows of one. */
  record Numbers(TensorView tensor, boolean transposed, int columns) implements StoredParameter {
    private static Numbers find(Parameter parameter, Stored place, Tensors from)
        throws IOException {
      TensorView tensor = from.find(place.tensor()).orElse(null);
      if (tensor == null) {
        return null;
      }
      List<Integer> wanted = parameter.shape();
      if (place.transposed()) {
        wanted = transposed(wanted, parameter);
      }
      long[] expected = wanted.stream().mapToLong(Integer::longValue).toArray();
      if (expected.length > 0) {
        expected[0] *= place.parts();
      }
      if (!Arrays.equals(significant(tensor.shape()), significant(expected))) {
        throw new DataException(
            from.origin(),
            "tensor "
                + place.tensor()
                + " has shape "
                + Arrays.toString(tensor.shape())
                + ", expected "
                + Arrays.toString(expected));
      }
      return new Numbers(
          part(tensor, place), place.transposed(), place.transposed() ? wanted.getLast() : 0);
    }

    private static List<Integer> transposed(List<Integer> shape, Parameter parameter) {
      if (shape.size() != 2) {
        throw new IllegalArgumentException(parameter + " is not a matrix and cannot be transposed");
      }
      return shape.reversed();
    }

    /** A shape without the ones at its end. */
    private static long[] significant(long[] shape) {
      int length = shape.length;
      while (length > 1 && shape[length - 1] == 1) {
        length--;
      }
      return Arrays.copyOf(shape, length);
    }

    private static TensorView part(TensorView tensor, Stored place) {
      if (place.parts() == 1) {
        return tensor;
      }
      long[] shape = tensor.shape();
      shape[0] /= place.parts();
      long bytes = tensor.data().byteSize() / place.parts();
      return new TensorView(
          tensor.name(), tensor.dtype(), shape, tensor.data().asSlice(place.part() * bytes, bytes));
    }

    @Override
    public Stream<TensorView> tensors() {
      return Stream.of(tensor);
    }

    @Override
    public void copy(MemorySegment destination) {
      if (transposed) {
        copyTransposed(destination);
      } else {
        tensor.copyFloats(destination, 0);
      }
    }

    private void copyTransposed(MemorySegment destination) {
      long rows = tensor.elements() / columns;
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment stored = arena.allocate(destination.byteSize(), Float.BYTES);
        tensor.copyFloats(stored, 0);
        for (long row = 0; row < rows; row++) {
          for (long column = 0; column < columns; column++) {
            destination.setAtIndex(
                ValueLayout.JAVA_FLOAT,
                column * rows + row,
                stored.getAtIndex(ValueLayout.JAVA_FLOAT, row * columns + column));
          }
        }
      }
    }
  }

  /** A convolution's weight with the batch norm behind it. */
  record Scaled(Numbers weight, Norm norm) implements StoredParameter {
    @Override
    public Stream<TensorView> tensors() {
      return Stream.concat(weight.tensors(), norm.tensors());
    }

    @Override
    public void copy(MemorySegment destination) {
      weight.copy(destination);
      double[] factors = norm.factors();
      long perChannel = destination.byteSize() / Float.BYTES / factors.length;
      for (int channel = 0; channel < factors.length; channel++) {
        for (long i = channel * perChannel; i < (channel + 1) * perChannel; i++) {
          destination.setAtIndex(
              ValueLayout.JAVA_FLOAT,
              i,
              (float) (factors[channel] * destination.getAtIndex(ValueLayout.JAVA_FLOAT, i)));
        }
      }
    }
  }

  /** What a batch norm adds. */
  record Shift(Norm norm) implements StoredParameter {
    @Override
    public Stream<TensorView> tensors() {
      return norm.tensors();
    }

    @Override
    public void copy(MemorySegment destination) {
      double[] factors = norm.factors();
      float[] offsets = norm.offset().floats();
      float[] means = norm.mean().floats();
      for (int channel = 0; channel < factors.length; channel++) {
        destination.setAtIndex(
            ValueLayout.JAVA_FLOAT,
            channel,
            (float) (offsets[channel] - factors[channel] * means[channel]));
      }
    }
  }

  /** The four tensors of a batch norm, a number per channel each. */
  record Norm(
      TensorView gain, TensorView offset, TensorView mean, TensorView variance, double eps) {
    private static final String GAIN = ".weight";
    static final String OFFSET = ".bias";
    private static final String MEAN = ".running_mean";
    private static final String VARIANCE = ".running_var";

    private static Norm find(BatchNorm norm, int channels, Parameter parameter, Tensors from)
        throws IOException {
      return new Norm(
          vector(norm.name() + GAIN, channels, parameter, from),
          vector(norm.name() + OFFSET, channels, parameter, from),
          vector(norm.name() + MEAN, channels, parameter, from),
          vector(norm.name() + VARIANCE, channels, parameter, from),
          norm.eps());
    }

    static Stream<String> names(BatchNorm norm) {
      return Stream.of(GAIN, OFFSET, MEAN, VARIANCE).map(part -> norm.name() + part);
    }

    private static TensorView vector(String name, int channels, Parameter parameter, Tensors from)
        throws IOException {
      TensorView tensor = from.find(name).orElse(null);
      if (tensor == null) {
        throw new DataException(
            from.origin(), "tensor " + name + " is missing, which " + parameter + " needs");
      }
      if (!Arrays.equals(tensor.shape(), new long[] {channels})) {
        throw new DataException(
            from.origin(),
            "tensor "
                + name
                + " has shape "
                + Arrays.toString(tensor.shape())
                + ", expected ["
                + channels
                + "]");
      }
      return tensor;
    }

    Stream<TensorView> tensors() {
      return Stream.of(gain, offset, mean, variance);
    }

    private double[] factors() {
      float[] gains = gain.floats();
      float[] variances = variance.floats();
      double[] factors = new double[gains.length];
      for (int channel = 0; channel < gains.length; channel++) {
        factors[channel] = gains[channel] / Math.sqrt(variances[channel] + eps);
      }
      return factors;
    }

    /**
     * @throws IOException in one line, when a variance cannot be one
     */
    void requireVariances(String origin) throws IOException {
      float[] variances = variance.floats();
      for (int channel = 0; channel < variances.length; channel++) {
        if (!(variances[channel] >= 0)) {
          throw new DataException(
              origin,
              "tensor "
                  + variance.name()
                  + " has "
                  + variances[channel]
                  + " at "
                  + channel
                  + ", expected variances of at least 0");
        }
      }
    }
  }
}
