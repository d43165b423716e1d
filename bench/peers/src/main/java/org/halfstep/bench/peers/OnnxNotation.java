package org.halfstep.bench.peers;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.files.AtomicFile;
import org.halfstep.safetensors.Tensors;

/**
 * A network as an ONNX model (opset 16), in the operators that PyTorch's exporter writes for the
 * same layers. Source: onnx.proto of ONNX 1.12 and its operators' documentation.
 */
final class OnnxNotation implements Notation {
  private static final int OPSET = 16;
  private static final int IR_VERSION = 8;
  private static final int GROUPS = 32;
  private static final float EPS = 1e-5f;

  /** TensorProto.DataType. */
  private static final int FLOAT = 1;

  private static final int INT64 = 7;

  /** AttributeProto.AttributeType. */
  private static final int A_FLOAT = 1;

  private static final int AN_INT = 2;
  private static final int A_STRING = 3;
  private static final int INTS = 7;

  /** Bytes of a protobuf message at most. */
  private static final long MOST_BYTES = Integer.MAX_VALUE;

  /** One weight: the head of its message, and its numbers where they lie. */
  private record Weight(byte[] head, MemorySegment data) {
    long bytes() {
      return head.length + data.byteSize();
    }
  }

  private final Tensors parameters;
  private final OnnxMessage nodes = new OnnxMessage();
  private final Map<String, Weight> weights = new LinkedHashMap<>();
  private int values;

  /**
   * @param parameters float32, by the names of the checkpoint; read when the model is written
   */
  OnnxNotation(Tensors parameters) {
    this.parameters = parameters;
  }

  /**
   * Writes the model.
   *
   * @param channels of the images, which go in and come out
   * @param out name of the result
   */
  void write(Path path, int channels, int side, String out) throws IOException {
    OnnxMessage rest =
        new OnnxMessage()
            .text(2, "unet")
            .message(11, value(WrittenUNet.IMAGES, FLOAT, channels, side, side))
            .message(11, value(WrittenUNet.TIMES, FLOAT))
            .message(11, value(WrittenUNet.LABELS, INT64))
            .message(12, value(out, FLOAT, channels, side, side));
    byte[] first = nodes.toBytes();
    byte[] last = rest.toBytes();
    long graphBytes = first.length + last.length;
    for (Weight weight : weights.values()) {
      graphBytes += weight.bytes() + new OnnxMessage().announce(5, weight.bytes()).toBytes().length;
    }
    if (graphBytes > MOST_BYTES) {
      throw new IOException(path + ": " + graphBytes + " bytes; expected less than 2 GiB");
    }
    OnnxMessage opset = new OnnxMessage().text(1, "").number(2, OPSET);
    byte[] head =
        new OnnxMessage()
            .number(1, IR_VERSION)
            .text(2, "halfstep")
            .message(8, opset)
            .announce(7, graphBytes)
            .toBytes();
    AtomicFile.write(
        path,
        channel -> {
          put(channel, ByteBuffer.wrap(head));
          put(channel, ByteBuffer.wrap(first));
          for (Weight weight : weights.values()) {
            put(channel, ByteBuffer.wrap(new OnnxMessage().announce(5, weight.bytes()).toBytes()));
            put(channel, ByteBuffer.wrap(weight.head()));
            put(channel, weight.data().asByteBuffer());
          }
          put(channel, ByteBuffer.wrap(last));
        });
  }

  private static void put(FileChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  /** A ValueInfoProto whose first extent is the batch. */
  private static OnnxMessage value(String name, int type, long... extents) {
    OnnxMessage shape = new OnnxMessage().message(1, new OnnxMessage().text(2, "n"));
    for (long extent : extents) {
      shape.message(1, new OnnxMessage().number(1, extent));
    }
    OnnxMessage tensor = new OnnxMessage().number(1, type).message(2, shape);
    return new OnnxMessage().text(1, name).message(2, new OnnxMessage().message(1, tensor));
  }

  // ---- Weights

  private String weight(String name, int type, long[] shape, MemorySegment data) {
    weights.computeIfAbsent(
        name,
        _ ->
            new Weight(
                new OnnxMessage()
                    .numbers(1, shape)
                    .number(2, type)
                    .text(8, name)
                    .announce(9, data.byteSize())
                    .toBytes(),
                data));
    return name;
  }

  /** A parameter in the shape that an operator wants. */
  private String parameter(String name, long... shape) {
    return weight(name, FLOAT, shape, parameters.find(name).orElseThrow().data());
  }

  private String reals(String name, float... values) {
    MemorySegment memory = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, values);
    return weight(name, FLOAT, new long[] {values.length}, memory);
  }

  private String numbers(long... values) {
    return weight(
        "numbers " + Arrays.toString(values),
        INT64,
        new long[] {values.length},
        Arena.ofAuto().allocateFrom(ValueLayout.JAVA_LONG, values));
  }

  private long[] shape(String name) {
    return parameters.find(name).orElseThrow().shape();
  }

  // ---- Nodes

  private static OnnxMessage attribute(String name, long value) {
    return new OnnxMessage().text(1, name).number(3, value).number(20, AN_INT);
  }

  private static OnnxMessage attribute(String name, String value) {
    return new OnnxMessage().text(1, name).text(4, value).number(20, A_STRING);
  }

  private static OnnxMessage attribute(String name, long[] values) {
    return new OnnxMessage().text(1, name).numbers(8, values).number(20, INTS);
  }

  private static OnnxMessage attribute(String name, float value) {
    return new OnnxMessage().text(1, name).real(2, value).number(20, A_FLOAT);
  }

  private String node(String operator, List<String> inputs, OnnxMessage... attributes) {
    return node(operator, 1, inputs, attributes).getFirst();
  }

  private List<String> node(
      String operator, int results, List<String> inputs, OnnxMessage... attributes) {
    OnnxMessage node = new OnnxMessage();
    inputs.forEach(input -> node.text(1, input));
    List<String> names = new ArrayList<>();
    for (int i = 0; i < results; i++) {
      names.add("v" + values++);
      node.text(2, names.getLast());
    }
    node.text(3, operator + "_" + values).text(4, operator);
    for (OnnxMessage attribute : attributes) {
      node.message(5, attribute);
    }
    nodes.message(1, node);
    return names;
  }

  private String reshaped(String x, long... shape) {
    return node("Reshape", List.of(x, numbers(shape)));
  }

  // ---- Layers

  @Override
  public String sinusoid(String times, int width) {
    float[] frequencies = new float[width / 2];
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = (float) Math.exp(-Math.log(10_000) * i / frequencies.length);
    }
    String angles =
        node("Mul", List.of(reshaped(times, -1, 1), reals("frequencies", frequencies)));
    List<String> both =
        List.of(node("Cos", List.of(angles)), node("Sin", List.of(angles)));
    return node("Concat", both, attribute("axis", 1));
  }

  @Override
  public String rows(String table, String numbers) {
    return node("Gather", List.of(parameter(table, shape(table)), numbers), attribute("axis", 0));
  }

  @Override
  public String linear(String x, String name) {
    String weight = parameter(name + ".weight", shape(name + ".weight"));
    String bias = parameter(name + ".bias", shape(name + ".bias"));
    return node("Gemm", List.of(x, weight, bias), attribute("transB", 1));
  }

  @Override
  public String convolution(String x, String name, int kernel) {
    long[] shape = shape(name + ".weight");
    String weight = parameter(name + ".weight", shape[0], shape[1], kernel, kernel);
    String bias = parameter(name + ".bias", shape(name + ".bias"));
    long pad = kernel / 2;
    return node(
        "Conv",
        List.of(x, weight, bias),
        attribute("kernel_shape", new long[] {kernel, kernel}),
        attribute("pads", new long[] {pad, pad, pad, pad}),
        attribute("strides", new long[] {1, 1}));
  }

  @Override
  public String groupNorm(String x, String name, int channels, int side) {
    float[] ones = new float[GROUPS];
    Arrays.fill(ones, 1);
    String groups = reshaped(x, 0, GROUPS, -1);
    String normed =
        node(
            "InstanceNormalization",
            List.of(groups, reals("ones", ones), reals("zeros", new float[GROUPS])),
            attribute("epsilon", EPS));
    String image = reshaped(normed, 0, channels, side, side);
    String scaled = node("Mul", List.of(image, parameter(name + ".weight", channels, 1, 1)));
    return add(scaled, parameter(name + ".bias", channels, 1, 1));
  }

  @Override
  public String modulated(String x, String embedding, int channels) {
    List<String> halves =
        node(
            "Split",
            2,
            List.of(reshaped(embedding, 0, 2L * channels, 1, 1)),
            attribute("axis", 1));
    String scale = add(halves.getFirst(), reals("one", 1));
    return add(node("Mul", List.of(x, scale)), halves.getLast());
  }

  @Override
  public String silu(String x) {
    return node("Mul", List.of(x, node("Sigmoid", List.of(x))));
  }

  @Override
  public String add(String a, String b) {
    return node("Add", List.of(a, b));
  }

  @Override
  public String concatenated(String a, String b) {
    return node("Concat", List.of(a, b), attribute("axis", 1));
  }

  @Override
  public String halved(String x) {
    long[] two = {2, 2};
    return node(
        "AveragePool", List.of(x), attribute("kernel_shape", two), attribute("strides", two));
  }

  @Override
  public String doubled(String x) {
    return node(
        "Resize",
        List.of(x, "", reals("doubled", 1, 1, 2, 2)),
        attribute("mode", "nearest"),
        attribute("nearest_mode", "floor"),
        attribute("coordinate_transformation_mode", "asymmetric"));
  }

  @Override
  public String attention(String qkv, int channels, int headChannels, int side) {
    List<String> parts = node("Split", 3, List.of(qkv), attribute("axis", 1));
    long heads = channels / headChannels;
    long pixels = (long) side * side;
    List<String> byHead =
        parts.stream().map(part -> reshaped(part, 0, heads, headChannels, pixels)).toList();
    OnnxMessage turned = attribute("perm", new long[] {0, 1, 3, 2});
    String queries = node("Transpose", List.of(byHead.get(0)), turned);
    queries =
        node("Mul", List.of(queries, reals("scale", (float) (1 / Math.sqrt(headChannels)))));
    String shares =
        node(
            "Softmax",
            List.of(node("MatMul", List.of(queries, byHead.get(1)))),
            attribute("axis", -1));
    String values = node("Transpose", List.of(byHead.get(2)), turned);
    String mixed =
        node("Transpose", List.of(node("MatMul", List.of(shares, values))), turned);
    return reshaped(mixed, 0, channels, side, side);
  }
}
