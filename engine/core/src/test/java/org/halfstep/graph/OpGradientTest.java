package org.halfstep.graph;

import java.util.List;
import org.halfstep.device.Activation;
import org.halfstep.device.Window;
import org.halfstep.graph.Parameter.Initializer;
import org.junit.jupiter.api.Test;

/** Gradients of single ops and of small graphs, at sizes that the reference data does not have. */
class OpGradientTest {
  private static final int DIRECTIONS = 3;

  private final Graph graph = new Graph();

  private Value image(String name, int height, int width, int channels) {
    return graph.toActivation(graph.image(name, new Shape(height, width, channels)));
  }

  private Parameter weight(String name, Integer... shape) {
    int fanIn = 1;
    for (int i = 1; i < shape.length; i++) {
      fanIn *= shape[i];
    }
    return graph.parameter(name, Initializer.FAN_IN_UNIFORM, fanIn, shape);
  }

  private void check(Value out, int batch) {
    graph.name("out", graph.toFloat(out));
    GradientCheck.of(graph, batch, DIRECTIONS);
  }

  @Test
  void convolution() {
    Value x = image("x", 9, 6, 5);
    check(graph.convolution("conv", x, weight("w", 11, 5, 3, 3), weight("b", 11), 3, 1), 4);
  }

  @Test
  void convolutionWithStride() {
    Value x = image("x", 10, 7, 17);
    check(graph.convolution("conv", x, weight("w", 6, 17, 3, 3), weight("b", 6), 3, 2), 3);
  }

  @Test
  void convolutionWithResidual() {
    Value x = image("x", 5, 8, 7);
    Value residual = image("r", 5, 8, 9);
    check(
        graph.convolution(
            "conv",
            x,
            weight("w", 9, 7, 3, 3),
            weight("b", 9),
            Window.square(3, 1, 1),
            residual,
            Activation.NONE),
        2);
  }

  @Test
  void pointwiseConvolutionOfTwoSources() {
    Value x = graph.concatenate(image("a", 6, 5, 19), image("b", 6, 5, 13));
    check(graph.convolution("conv", x, weight("w", 10, 32, 1, 1), weight("bias", 10), 1, 1), 3);
  }

  @Test
  void spatialConvolutionOfTwoSources() {
    Value x = graph.concatenate(image("a", 6, 5, 3), image("b", 6, 5, 4));
    check(graph.convolution("conv", x, weight("w", 10, 7, 3, 3), weight("bias", 10), 3, 1), 3);
  }

  @Test
  void linearWithAndWithoutBias() {
    Value x = graph.image("x", Shape.vector(21));
    Value hidden = graph.linear("one", x, weight("w1", 14, 21), null);
    check(graph.linear("two", hidden, weight("w2", 5, 14), weight("b2", 5)), 6);
  }

  @Test
  void stackedLinearReadByTwoBlocks() {
    Value x = graph.image("x", Shape.vector(12));
    List<List<Integer>> matrices = List.of(List.of(16, 12), List.of(8, 12));
    List<List<Integer>> vectors = List.of(List.of(16), List.of(8));
    Parameter w = graph.stack(List.of("w0", "w1"), matrices, Initializer.NORMAL, 12);
    Parameter b = graph.stack(List.of("b0", "b1"), vectors, Initializer.NORMAL, 12);
    Value both = graph.linear("both", x, w, b);
    Value first = image("first", 4, 3, 8);
    Value modulated =
        graph.groupNorm(
            new GroupNorm(
                "norm",
                first,
                weight("g", 8),
                weight("beta", 8),
                4,
                new Slice(both, 0, 16),
                Activation.SILU));
    check(graph.addPerChannel("add", modulated, new Slice(both, 16, 8)), 3);
  }

  @Test
  void groupNormOfTwoSources() {
    // Groups of 6 channels; one of them reaches across the border between the sources.
    Value x = graph.concatenate(image("a", 5, 7, 20), image("b", 5, 7, 16));
    check(norm(x, 6, null, Activation.SILU), 3);
  }

  @Test
  void modulatedGroupNormOfTwoSources() {
    Value x = graph.concatenate(image("a", 3, 5, 8), image("b", 3, 5, 24));
    Value modulation = graph.image("m", Shape.vector(70));
    check(norm(x, 8, whole(modulation, 64), Activation.SILU), 2);
  }

  private Value norm(Value x, int groups, Slice modulation, Activation activation) {
    int channels = x.shape().channels();
    return graph.groupNorm(
        new GroupNorm(
            "norm",
            x,
            weight("norm.w", channels),
            weight("norm.b", channels),
            groups,
            modulation,
            activation));
  }

  private Slice whole(Value vector, int channels) {
    // Read through a projection, so that every channel of the sliced vector has a writer.
    Parameter w = weight("projection", channels, vector.shape().channels());
    return new Slice(graph.linear("projection", vector, w, null), 0, channels);
  }

  @Test
  void attentionOfOddWidth() {
    check(graph.attention("attention", image("x", 5, 5, 3 * 3 * 12), 3, false), 2);
  }

  @Test
  void attentionOfManyTokensInTheNewOrder() {
    check(graph.attention("attention", image("x", 12, 13, 3 * 2 * 7), 2, true), 2);
  }

  @Test
  void attentionToOtherTokens() {
    Value q = image("q", 4, 5, 3 * 8);
    Value kv = image("kv", 7, 1, 2 * 3 * 8);
    Slice k = new Slice(kv, 0, 24);
    Slice v = new Slice(kv, 24, 24);
    check(graph.attention("cross", new Slice(q, 0, 24), k, v, 3, AttentionMask.NONE), 2);
  }

  @Test
  void keysAndValuesOfOneProductReadByTwoLayers() {
    Value text = image("text", 6, 1, 5);
    Parameter w =
        graph.stack(
            List.of("k0", "v0", "k1", "v1"),
            List.of(List.of(8, 5), List.of(8, 5, 1, 1), List.of(12, 5), List.of(12, 5)),
            Initializer.NORMAL,
            5);
    Value kv = graph.linear("kv", text, w, null);
    Value x = image("x", 3, 4, 8);
    Value y =
        graph.attention(
            "first",
            new Slice(x, 0, 8),
            new Slice(kv, 0, 8),
            new Slice(kv, 8, 8),
            2,
            AttentionMask.NONE);
    Value wide = graph.linear("wide", y, weight("w", 12, 8), null);
    check(
        graph.attention(
            "second",
            new Slice(wide, 0, 12),
            new Slice(kv, 16, 12),
            new Slice(kv, 28, 12),
            1,
            AttentionMask.NONE),
        2);
  }

  @Test
  void causalAttentionOfOneProduct() {
    Value qkv = image("qkv", 11, 1, 3 * 2 * 4);
    check(
        graph.attention(
            "causal",
            new Slice(qkv, 0, 8),
            new Slice(qkv, 8, 8),
            new Slice(qkv, 16, 8),
            2,
            AttentionMask.CAUSAL),
        3);
  }

  @Test
  void paddedAttention() {
    Value qkv = image("qkv", 6, 1, 3 * 2 * 4);
    AttentionMask mask = AttentionMask.lengths(graph.labels("lengths"));
    check(
        graph.attention(
            "padded", new Slice(qkv, 0, 8), new Slice(qkv, 8, 8), new Slice(qkv, 16, 8), 2, mask),
        4);
  }

  @Test
  void oneValueReadByEveryKindOfOp() {
    // The last reader writes the gradient of x first; every other one has to add to it.
    Value x = image("x", 4, 6, 24);
    List<Value> readers =
        List.of(
            graph.activation("silu", x, Activation.SILU),
            norm(x, 6, null, Activation.SILU),
            graph.attention("attention", x, 2, false),
            graph.upsample2("up", graph.downsample2("down", x)),
            graph.downsample2("down again", graph.upsample2("up again", x)),
            graph.convolution("conv", x, weight("cw", 8, 24, 3, 3), weight("cb", 8), 3, 1),
            graph.add("twice", x, x),
            graph.dropout("dropout", x, 0.2f, 1));
    Value sum = pointwise("last", x, null);
    for (int i = 0; i < readers.size(); i++) {
      sum = pointwise("from " + i, readers.get(i), sum);
    }
    check(sum, 3);
  }

  private Value pointwise(String name, Value x, Value residual) {
    int in = x.shape().channels();
    Parameter w = weight(name + ".w", 8, in, 1, 1);
    Parameter b = weight(name + ".b", 8);
    return graph.convolution(name, x, w, b, Window.PIXEL, residual, Activation.NONE);
  }

  @Test
  void embeddingWithARowThatNobodyUses() {
    Value base = graph.image("base", Shape.vector(33));
    Value labels = graph.labels("y");
    Value e = graph.addEmbedding("embedding", base, weight("table", 5, 33), labels);
    check(graph.activation("silu", e, Activation.SILU), 5);
  }

  @Test
  void dropout() {
    Value x = image("x", 7, 6, 10);
    check(graph.dropout("dropout", graph.activation("silu", x, Activation.SILU), 0.3f, 2), 4);
  }
}
