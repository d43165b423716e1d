package org.halfstep.graph;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Random;
import org.halfstep.device.Activation;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.graph.Parameter.Initializer;
import org.junit.jupiter.api.Test;

/** The phase of a plan that computes what depends on condition inputs alone. */
class ConditionTest {
  private static final int BATCH = 2;
  private static final Shape IMAGE = new Shape(6, 5, 32);
  private static final Shape TEXT = new Shape(7, 1, 24);

  /** Two layers of cross-attention to a text; keys and values of both are one product. */
  private static Graph graph(boolean declared) {
    Graph graph = new Graph();
    Value x = graph.image("x", IMAGE);
    Value text = graph.image("text", TEXT);
    if (declared) {
      graph.condition(text);
    }
    // Read by both phases, and normalised only in the second.
    Value context = graph.activation("silu", graph.toActivation(text), Activation.SILU);
    Parameter stacked =
        graph.stack(
            List.of("k0", "v0", "k1", "v1"),
            List.of(List.of(32, 24), List.of(32, 24), List.of(32, 24), List.of(32, 24)),
            Initializer.FAN_IN_UNIFORM,
            24);
    Value keys = graph.linear("keys", context, stacked, null);
    Value h = graph.toActivation(x);
    for (int layer = 0; layer < 2; layer++) {
      Value q = graph.linear("q" + layer, h, weight(graph, "q" + layer, 32, 32), null);
      Value y =
          graph.attention(
              "attention" + layer,
              new Slice(q, 0, 32),
              new Slice(keys, 64 * layer, 32),
              new Slice(keys, 64 * layer + 32, 32),
              4,
              AttentionMask.NONE);
      h = graph.add("sum" + layer, h, y);
    }
    // After the last attention, more memory than keys and values take: they may not lie there.
    Value wide =
        graph.activation(
            "wide silu",
            graph.linear("wide", h, weight(graph, "w", 256, 32), null),
            Activation.SILU);
    h = graph.linear("narrow", wide, weight(graph, "n", 32, 256), null);
    graph.name("out", graph.toFloat(h));
    return graph;
  }

  private static Parameter weight(Graph graph, String name, Integer... shape) {
    return graph.parameter(name, Initializer.FAN_IN_UNIFORM, shape[1], shape);
  }

  private static float[] numbers(long seed, Shape shape) {
    Random random = new Random(seed);
    float[] values = new float[BATCH * shape.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /** A plan with its weights, and one text. */
  private static final class Run implements AutoCloseable {
    final Device device = new CpuDevice(0);
    final ParameterSlab weights;
    final Plan plan;

    Run(boolean declared) {
      Graph graph = graph(declared);
      weights = new ParameterSlab(device, graph, "weights");
      long seed = 1;
      for (Parameter parameter : graph.parameters().values()) {
        Random random = new Random(seed++);
        float[] values = new float[(int) parameter.size()];
        for (int i = 0; i < values.length; i++) {
          values[i] = (float) random.nextGaussian() / 4;
        }
        weights.set(parameter, values);
      }
      plan = Plan.inference(device, graph, PlanOptions.inference(BATCH), weights);
      plan.prepare();
    }

    void text(long seed) {
      DeviceArrays.write(device, plan.address("text"), numbers(seed, TEXT));
    }

    float[] forward(long seed) {
      DeviceArrays.write(device, plan.address("x"), numbers(seed, IMAGE));
      plan.forward();
      return DeviceArrays.read(device, plan.address("out"), BATCH * IMAGE.size());
    }

    @Override
    public void close() {
      plan.close();
      weights.close();
      device.close();
    }
  }

  private static List<String> labels(List<StepInfo> steps) {
    return steps.stream().map(StepInfo::label).distinct().toList();
  }

  @Test
  void keysAndValuesOfTheTextAreComputedOnceForManySteps() {
    try (Run two = new Run(true);
        Run one = new Run(false)) {
      for (long text = 1; text <= 2; text++) {
        two.text(text);
        one.text(text);
        two.plan.condition();
        for (long x = 10; x < 13; x++) {
          assertArrayEquals(one.forward(x), two.forward(x), "text " + text + ", x " + x);
        }
      }
      // Without the phase, a new text changes nothing yet.
      float[] before = two.forward(10);
      two.text(3);
      assertArrayEquals(before, two.forward(10));
    }
  }

  @Test
  void whatDependsOnTheConditionAloneIsNotInTheForwardPass() {
    try (Run two = new Run(true);
        Run one = new Run(false)) {
      assertEquals(List.of("silu", "keys"), labels(two.plan.conditionSteps()));
      List<String> forward = labels(two.plan.forwardSteps());
      assertFalse(forward.contains("keys"), forward.toString());
      assertTrue(forward.containsAll(List.of("q0", "attention0", "q1", "attention1")));
      assertEquals(List.of(), one.plan.conditionSteps());
      assertEquals(
          one.plan.forwardSteps().size(),
          two.plan.conditionSteps().size() + two.plan.forwardSteps().size());
    }
  }

  @Test
  void aTrainingPlanHasItInItsForwardPass() {
    Graph graph = graph(true);
    try (Device device = new CpuDevice(0);
        ParameterSlab weights = new ParameterSlab(device, graph, "weights");
        ParameterSlab gradients = new ParameterSlab(device, graph, "gradients");
        Plan plan =
            Plan.training(device, graph, PlanOptions.training(BATCH, 0), weights, gradients)) {
      assertEquals(List.of(), plan.conditionSteps());
      assertTrue(labels(plan.forwardSteps()).contains("keys"));
    }
  }

  @Test
  void onlyInputsCanBeConditions() {
    Graph graph = new Graph();
    Value sum = graph.activation("silu", graph.image("x", IMAGE), Activation.SILU);
    assertThrows(IllegalArgumentException.class, () -> graph.condition(sum));
  }
}
