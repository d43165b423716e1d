package org.halfstep.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.halfstep.device.Activation;
import org.halfstep.device.Device;
import org.halfstep.device.Window;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.graph.GradientCheck;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Parameter.Initializer;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.Shape;
import org.halfstep.graph.Value;
import org.halfstep.model.Layers.Form;
import org.junit.jupiter.api.Test;

/**
 * A network of tokens and a convolution that is padded on two sides, in the three vocabularies: as
 * it runs, kept apart for measuring, and in bytes.
 */
class VocabularyTest {
  private static final int TOKENS = 6;
  private static final int WIDTH = 32;
  private static final int BATCH = 2;

  /** What eight bits may change of the output: three layers, random weights. */
  private static final double INT8_TOLERANCE = 0.06;

  private static void write(Layers layers) {
    Graph graph = layers.graph();
    Value ids = graph.tokens("ids", TOKENS);
    Value x = layers.embedding("token_embedding", ids, 9, WIDTH);
    x = graph.toActivation(layers.positions("position_embedding", x));
    Value h = layers.layerNorm("norm1", x, 1e-5f);
    h =
        layers.convolution(
            "to_v", layers.readable("to_v", h), Form.linear().withoutBias(), WIDTH, WIDTH);
    x = layers.gatedFeedForward("ff", layers.layerNorm("norm3", h, 1e-5f), 24, Activation.GELU, x);
    x =
        layers.feedForward(
            "mlp.fc1",
            "mlp.fc2",
            layers.layerNorm("layer_norm2", x, 1e-12f),
            40,
            Activation.QUICK_GELU,
            x);
    Form down = new Form(Window.squareFromCorner(3, 2, 1), Initializer.FAN_IN_UNIFORM);
    Value image = graph.toActivation(graph.image("image", new Shape(4, 6, 3)));
    Value small = layers.convolution("down", image, down.then(Activation.SILU), WIDTH, 3, 3, 3);
    Value last = graph.labels("last");
    Value pooled = graph.gather("pooled", x, last);
    Value corner = graph.gather("corner", small, last);
    graph.name("out", graph.toFloat(graph.add("sum", pooled, corner)));
  }

  private static Graph fused() {
    Layers layers = new FusedLayers(new Graph());
    write(layers);
    return layers.graph();
  }

  @Test
  void gradientsAreThoseOfDifferences() {
    GradientCheck.of(fused(), 3, 2);
  }

  @Test
  void theSameParametersLieAtTheSamePlacesWhereLayersAreKeptApart() {
    Layers separate = new SeparateLayers(new Graph());
    write(separate);
    Map<String, Long> places = new LinkedHashMap<>();
    fused().parameters().forEach((name, parameter) -> places.put(name, parameter.offset()));
    Map<String, Long> others = new LinkedHashMap<>();
    separate.graph().parameters().forEach((name, p) -> others.put(name, p.offset()));
    assertEquals(places, others);
    assertEquals(
        List.of(
            "token_embedding.weight",
            "position_embedding.weight",
            "norm1.weight",
            "norm1.bias",
            "to_v.weight",
            "norm3.weight",
            "norm3.bias",
            "ff.net.0.proj.weight",
            "ff.net.0.proj.bias",
            "ff.net.2.weight",
            "ff.net.2.bias",
            "layer_norm2.weight",
            "layer_norm2.bias",
            "mlp.fc1.weight",
            "mlp.fc1.bias",
            "mlp.fc2.weight",
            "mlp.fc2.bias",
            "down.weight",
            "down.bias"),
        List.copyOf(places.keySet()));
  }

  @Test
  void linearLayersBehindReadableValuesAreQuantized() {
    Map<String, List<String>> layers = Layers.quantized(VocabularyTest::write);
    assertEquals(
        List.of("to_v", "ff.net.0.proj", "ff.net.2", "mlp.fc1", "mlp.fc2"),
        List.copyOf(layers.keySet()));
    assertEquals(List.of("ff.net.2.input.0"), layers.get("ff.net.2"));
  }

  @Test
  void allThreeComputeTheSame() {
    Map<String, List<String>> quantized = Layers.quantized(VocabularyTest::write);
    Map<String, float[]> weights = new TreeMap<>();
    Random random = new Random(5);
    for (Parameter parameter : fused().parameters().values()) {
      float[] values = new float[Math.toIntExact(parameter.size())];
      for (int i = 0; i < values.length; i++) {
        values[i] =
            (float) (random.nextGaussian() / Math.sqrt(parameter.fanIn()))
                + (parameter.initializer() == Initializer.ONE ? 1 : 0);
      }
      weights.put(parameter.name(), values);
    }
    try (Device device = new CpuDevice()) {
      float[] exact = run(device, fused(), weights, new TreeMap<>());
      Layers separate = new SeparateLayers(new Graph());
      write(separate);
      Map<String, float[]> inputs = new TreeMap<>();
      quantized.values().forEach(names -> names.forEach(name -> inputs.put(name, null)));
      assertArrayEquals(exact, run(device, separate.graph(), weights, inputs));
      quantized.forEach((layer, names) -> scale(weights, layer, inputs.get(names.getFirst())));
      Layers int8 = new Int8Layers(new Graph());
      write(int8);
      double error = 0;
      double norm = 0;
      float[] bytes = run(device, int8.graph(), weights, new TreeMap<>());
      for (int i = 0; i < exact.length; i++) {
        error += Math.pow(bytes[i] - exact[i], 2);
        norm += Math.pow(exact[i], 2);
      }
      double relative = Math.sqrt(error / norm);
      assertTrue(relative < INT8_TOLERANCE, "relative error " + relative);
      assertTrue(relative > 1e-5, "int8 was not used: relative error " + relative);
    }
  }

  /** Bytes of a layer's input and weights, by their least and greatest numbers. */
  private static void scale(Map<String, float[]> weights, String layer, float[] input) {
    float least = 0;
    float greatest = 0;
    for (float value : input) {
      least = Math.min(least, value);
      greatest = Math.max(greatest, value);
    }
    float step = (greatest - least) / LayerScales.LARGEST_INPUT;
    weights.put(layer + ".input_scale", new float[] {step});
    weights.put(layer + ".input_zero_point", new float[] {Math.round(-least / step)});
    float[] plain = weights.get(layer + ".weight");
    int in = plain.length / outputs(layer);
    float[] whole = new float[plain.length];
    float[] scales = new float[outputs(layer)];
    for (int out = 0; out < scales.length; out++) {
      for (int i = 0; i < in; i++) {
        scales[out] = Math.max(scales[out], Math.abs(plain[out * in + i]));
      }
      scales[out] /= LayerScales.LARGEST_WEIGHT;
      for (int i = 0; i < in; i++) {
        whole[out * in + i] = LayerScales.weightByte(plain[out * in + i], scales[out]);
      }
    }
    weights.put(layer + ".weight", whole);
    weights.put(layer + ".weight_scale", scales);
  }

  private static int outputs(String layer) {
    return fused().parameters().get(layer + ".weight").shape().getFirst();
  }

  /** "out", and the values whose names are keys of {@code kept}. */
  private static float[] run(
      Device device, Graph graph, Map<String, float[]> weights, Map<String, float[]> kept) {
    try (ParameterSlab slab = new ParameterSlab(device, graph, "weights")) {
      graph.parameters().forEach((name, parameter) -> slab.set(parameter, weights.get(name)));
      Set<Value> values = kept.keySet().stream().map(graph::named).collect(Collectors.toSet());
      PlanOptions options = PlanOptions.inference(BATCH).withKept(values);
      try (Plan plan = Plan.inference(device, graph, options, slab)) {
        Random random = new Random(3);
        float[] image = new float[BATCH * graph.named("image").shape().size()];
        for (int i = 0; i < image.length; i++) {
          image[i] = (float) random.nextGaussian();
        }
        int[] ids = {8, 0, 3, 3, 7, 1, 2, 5, 4, 6, 0, 8};
        upload(device, plan.address("image"), MemorySegment.ofArray(image));
        upload(device, plan.address("ids"), MemorySegment.ofArray(ids));
        upload(device, plan.address("last"), MemorySegment.ofArray(new int[] {5, 2}));
        plan.prepare();
        plan.forward();
        kept.replaceAll((name, _) -> download(device, plan, graph, name));
        return download(device, plan, graph, "out");
      }
    }
  }

  private static void upload(Device device, long address, MemorySegment values) {
    device.upload(values, address, values.byteSize());
  }

  private static float[] download(Device device, Plan plan, Graph graph, String name) {
    float[] values = new float[BATCH * graph.named(name).shape().size()];
    device.download(plan.address(name), MemorySegment.ofArray(values), 4L * values.length);
    return values;
  }
}
