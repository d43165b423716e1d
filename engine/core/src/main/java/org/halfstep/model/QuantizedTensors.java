package org.halfstep.model;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Set;
import org.halfstep.files.DataException;
import org.halfstep.graph.Graph;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.TensorView;

/**
 * How an int8 network lies in a file. A layer NAME with an int8 convolution has the tensors
 *
 * <ul>
 *   <li>NAME.weight, I8: in -127..127, of the float32 weight's shape;
 *   <li>NAME.weight_scale, F32 [output channels], above 0: a weight is its byte times the scale;
 *   <li>NAME.input_scale, F32 [1], above 0, and NAME.input_zero_point, F32 [1], an integer in
 *       0..255: an input byte q stands for (q - zero point) * scale;
 *   <li>NAME.bias, as in a float32 network, where it has one.
 * </ul>
 *
 * <p>Of layers that are one product, such as queries, keys and values, the first has the input's
 * scale and zero point for all.
 *
 * <p>All other tensors are as in a float32 network. In memory an int8 weight is its integers as
 * floats, which a plan packs into bytes.
 */
final class QuantizedTensors {
  static final String WEIGHT = ".weight";
  static final String WEIGHT_SCALE = ".weight_scale";
  static final String INPUT_SCALE = ".input_scale";
  static final String INPUT_ZERO_POINT = ".input_zero_point";

  /** Ends of the names that only an int8 network has. */
  private static final List<String> OF_LAYERS =
      List.of(WEIGHT_SCALE, INPUT_SCALE, INPUT_ZERO_POINT);

  private static final Set<Dtype> WEIGHT_TYPES = Set.of(Dtype.F32, Dtype.F16, Dtype.BF16);

  private QuantizedTensors() {}

  private static boolean isByteWeight(Graph graph, String name) {
    return name.endsWith(WEIGHT)
        && graph.parameters().containsKey(without(name, WEIGHT) + WEIGHT_SCALE);
  }

  private static String without(String name, String end) {
    return name.substring(0, name.length() - end.length());
  }

  /**
   * The int8 layer whose weight or scales a parameter is; null for what is as in a float32 network.
   */
  static String layer(Graph graph, String name) {
    if (isByteWeight(graph, name)) {
      return without(name, WEIGHT);
    }
    return OF_LAYERS.stream()
        .filter(name::endsWith)
        .findFirst()
        .map(end -> without(name, end))
        .orElse(null);
  }

  private static boolean isScale(String name) {
    return name.endsWith(WEIGHT_SCALE) || name.endsWith(INPUT_SCALE);
  }

  /** The type that a tensor is stored in when weights are stored in {@code wanted}. */
  static Dtype dtype(Graph graph, String name, Dtype wanted) {
    if (isByteWeight(graph, name)) {
      return Dtype.I8;
    }
    return isScale(name) || name.endsWith(INPUT_ZERO_POINT) ? Dtype.F32 : wanted;
  }

  /** The bytes of a weight that is held as floats. */
  static MemorySegment bytes(MemorySegment integers) {
    byte[] bytes = new byte[Math.toIntExact(integers.byteSize() / Float.BYTES)];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) integers.getAtIndex(ValueLayout.JAVA_FLOAT, i);
    }
    return MemorySegment.ofArray(bytes);
  }

  /**
   * Checks a tensor's type.
   *
   * @throws IOException in one line, when the type is not the one that the network needs
   */
  static void requireType(Graph graph, String parameter, TensorView tensor, String origin)
      throws IOException {
    boolean bytes = isByteWeight(graph, parameter);
    if (bytes ? tensor.dtype() != Dtype.I8 : !WEIGHT_TYPES.contains(tensor.dtype())) {
      throw new DataException(
          origin,
          "tensor "
              + tensor.name()
              + " is "
              + tensor.dtype()
              + ", expected "
              + (bytes ? "I8" : "F32, F16 or BF16"));
    }
  }

  /**
   * Checks the numbers that only an int8 network has, of a tensor of the right type.
   *
   * @throws IOException in one line, when one lies out of range
   */
  static void requireNumbers(Graph graph, String name, TensorView tensor, String origin)
      throws IOException {
    if (isByteWeight(graph, name)) {
      requireByteWeight(tensor, origin);
    } else if (isScale(name)) {
      for (float value : tensor.floats()) {
        if (!(value > 0)) {
          throw new DataException(
              origin, "tensor " + name + " holds " + value + ", expected scales above 0");
        }
      }
    } else if (name.endsWith(INPUT_ZERO_POINT)) {
      for (float value : tensor.floats()) {
        if (!(value >= 0 && value <= LayerScales.LARGEST_INPUT && value == Math.rint(value))) {
          throw new DataException(
              origin, "tensor " + name + " holds " + value + ", expected an integer in 0..255");
        }
      }
    }
  }

  private static void requireByteWeight(TensorView tensor, String origin) throws IOException {
    if (tensor.holds(Byte.MIN_VALUE)) {
      throw new DataException(
          origin, "tensor " + tensor.name() + " holds -128, expected -127..127");
    }
  }
}
