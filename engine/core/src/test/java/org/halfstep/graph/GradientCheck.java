package org.halfstep.graph;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.halfstep.fixtures.GraphRun;
import org.halfstep.fixtures.Layout;

/**
 * Compares what a graph computes with its definition, and every gradient with central differences
 * of the scalar sum(out * c), summed in double. Each parameter and input is moved as a whole along
 * random directions of ±1, so that a wrong or missing part of its gradient shows in the difference.
 */
public final class GradientCheck {
  /**
   * What a graph computes, in double.
   *
   * <p>{@code out} gives "out" of all samples, [n, pixels, channels], from the numbers of each
   * input and parameter by its name; images lie like "out".
   */
  @FunctionalInterface
  public interface Definition {
    double[] out(Map<String, double[]> numbers);
  }

  private static final double TOLERANCE = 0.01;

  /**
   * What rounding to float32 inside a network, in Winograd's convolutions above all, may change of
   * its output, relative to its norm.
   */
  private static final double NOISE = 2e-5;

  /**
   * How much of the output's norm a difference should make: far more than noise, and still linear.
   */
  private static final double SIGNAL = 2e-3;

  /** Least and greatest change of a number, relative to the root mean square of its tensor. */
  private static final double LEAST_STEP = 1e-4;

  private static final double GREATEST_STEP = 0.05;

  private final Random random = new Random(11);
  private final Graph graph;
  private final GraphRun run;
  private final int batch;
  private final int directions;
  private final Set<String> given;
  private final Map<String, double[]> weights = new LinkedHashMap<>();
  private final Map<String, double[]> inputs = new LinkedHashMap<>();

  /** Everything, as a definition reads it. */
  private final Map<String, double[]> numbers = new LinkedHashMap<>();

  private double[] coefficients;
  private double outputNorm;

  private GradientCheck(Graph graph, GraphRun run, int batch, int directions, Set<String> given) {
    this.given = given;
    this.graph = graph;
    this.run = run;
    this.batch = batch;
    this.directions = directions;
  }

  /**
   * Checks all parameters and all inputs but labels and scalars.
   *
   * @param directions differences per parameter and input
   */
  public static void of(Graph graph, int batch, int directions) {
    of(graph, batch, directions, Set.of(), null);
  }

  /**
   * The same for a graph that reads noise.
   *
   * @param given inputs that have no gradient
   */
  public static void of(Graph graph, int batch, int directions, Set<String> given) {
    of(graph, batch, directions, given, null);
  }

  /**
   * The same, and what the graph computes.
   *
   * @param definition of "out"; null where it is checked elsewhere
   */
  public static void of(Graph graph, int batch, int directions, Definition definition) {
    of(graph, batch, directions, Set.of(), definition);
  }

  private static void of(
      Graph graph, int batch, int directions, Set<String> given, Definition definition) {
    Set<String> names = new TreeSet<>();
    for (Value input : graph.inputs()) {
      if (isDifferentiable(input) && !given.contains(input.name())) {
        names.add(input.name());
      }
    }
    try (GraphRun run = new GraphRun(graph, batch, names, Set.of())) {
      new GradientCheck(graph, run, batch, directions, given).check(definition);
    }
  }

  private static boolean isDifferentiable(Value input) {
    return input.storage() != Value.Storage.I32 && input.shape().size() > 1;
  }

  private void check(Definition definition) {
    fill();
    run.fixDropout();
    run.forward();
    double[] out = run.value("out");
    coefficients = normal(out.length, 1);
    outputNorm = norm(out);
    if (definition != null) {
      double[] wanted = definition.out(numbers);
      requireClose(wanted, Layout.toNhwc(out, batch, graph.named("out").shape()), "out");
    }
    checkInference(out);
    run.backward(coefficients);
    Map<String, double[]> gradients = new LinkedHashMap<>();
    weights.keySet().forEach(name -> gradients.put(name, run.gradient(name)));
    inputs.keySet().forEach(name -> gradients.put(name, run.inputGradient(name)));
    weights.forEach((name, values) -> check(name, values, gradients.get(name), true));
    inputs.forEach((name, values) -> check(name, values, gradients.get(name), false));
  }

  /** Where nothing is dropped, a plan without a backward pass computes the same. */
  private void checkInference(double[] out) {
    if (run.drops()) {
      return;
    }
    requireClose(out, run.inferenceOutput(), "inference");
  }

  private void requireClose(double[] wanted, double[] got, String what) {
    assertEquals(wanted.length, got.length, what);
    double[] difference = new double[got.length];
    Arrays.setAll(difference, i -> got[i] - wanted[i]);
    assertTrue(
        norm(difference) <= NOISE * outputNorm,
        () -> what + " is off by " + norm(difference) / outputNorm);
  }

  private void fill() {
    for (Parameter parameter : graph.parameters().values()) {
      double scale = parameter.fanIn() > 1 ? 1 / Math.sqrt(parameter.fanIn()) : 1;
      double mean = parameter.initializer() == Parameter.Initializer.ONE ? 1 : 0;
      double[] values = normal(Math.toIntExact(parameter.size()), scale);
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) (mean + 0.5 * values[i]);
      }
      weights.put(parameter.name(), values);
      numbers.put(parameter.name(), values);
      run.weight(parameter.name(), values);
    }
    for (Value input : graph.inputs()) {
      if (isDifferentiable(input)) {
        double[] values = normal(batch * input.shape().size(), 1);
        numbers.put(input.name(), Layout.toNhwc(values, batch, input.shape()));
        if (!given.contains(input.name())) {
          inputs.put(input.name(), values);
        }
        run.input(input.name(), values);
      } else if (input.storage() == Value.Storage.I32) {
        long[] labels = new long[batch * input.shape().size()];
        for (int i = 0; i < labels.length; i++) {
          labels[i] = i % 2;
        }
        run.labels(input.name(), labels);
        numbers.put(input.name(), Arrays.stream(labels).asDoubleStream().toArray());
      } else {
        double[] times = new double[batch];
        for (int i = 0; i < batch; i++) {
          times[i] = 0.9 * i + 0.25;
        }
        run.input(input.name(), times);
        numbers.put(input.name(), times);
      }
    }
  }

  private void check(String name, double[] values, double[] gradient, boolean isWeight) {
    double norm = norm(gradient);
    double size = norm(values) / Math.sqrt(values.length);
    double step = SIGNAL * outputNorm / (2 * norm * size);
    double h = size * Math.clamp(step, LEAST_STEP, GREATEST_STEP);
    for (int k = 0; k < directions; k++) {
      double expected = 0;
      double[] forward = values.clone();
      double[] backward = values.clone();
      for (int i = 0; i < values.length; i++) {
        double sign = random.nextBoolean() ? 1 : -1;
        forward[i] = (float) (values[i] + sign * h);
        backward[i] = (float) (values[i] - sign * h);
        expected += gradient[i] * (forward[i] - backward[i]);
      }
      double got = at(name, forward, isWeight) - at(name, backward, isWeight);
      assertEquals(
          expected, got, TOLERANCE * 2 * h * norm + NOISE * outputNorm, "gradient of " + name);
    }
    set(name, values, isWeight);
  }

  private double at(String name, double[] values, boolean isWeight) {
    set(name, values, isWeight);
    run.forward();
    double[] out = run.value("out");
    double sum = 0;
    for (int i = 0; i < out.length; i++) {
      sum += out[i] * coefficients[i];
    }
    return sum;
  }

  private void set(String name, double[] values, boolean isWeight) {
    if (isWeight) {
      run.weight(name, values);
    } else {
      run.input(name, values);
    }
  }

  private static double norm(double[] values) {
    double sum = 0;
    for (double value : values) {
      sum += value * value;
    }
    return Math.sqrt(sum);
  }

  private double[] normal(int count, double scale) {
    double[] values = new double[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (scale * random.nextGaussian());
    }
    return values;
  }
}
