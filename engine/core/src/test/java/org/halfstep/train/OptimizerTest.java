package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.SplittableRandom;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Operations;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.files.Json;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TinyNetworks;
import org.halfstep.model.UNetConfig;
import org.halfstep.random.Philox;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OptimizerTest {
  private static final double RATE = 0.01;
  private static final int CONVERGING = 1000;

  private Device device;
  private Operations operations;
  private Network<UNetConfig, ModelCard> network;
  private ParameterSlab gradients;

  @BeforeEach
  void open() {
    device = new CpuDevice();
    operations = device.operations();
    network = TinyNetworks.teacher(device, 4, 1);
    gradients = new ParameterSlab(device, network.graph(), "gradients");
  }

  @AfterEach
  void close() {
    gradients.close();
    network.close();
    operations.close();
    device.close();
  }

  private Optimizer optimizer(OptimizerSettings settings) {
    return new Optimizer(device, operations, network.weights(), gradients, settings, 9);
  }

  private Parameter parameter(int index) {
    return List.copyOf(network.graph().parameters().values()).get(index);
  }

  private float[] fillGradient(Parameter parameter, int draw) {
    float[] gradient = new float[Math.toIntExact(parameter.size())];
    Philox.normal(2, 0, draw, gradient);
    gradients.set(parameter, gradient);
    return gradient;
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  @DisplayName("Adam, AdamW and the average's warm-up follow their formulas")
  void followsTheFormulas(boolean decoupled) {
    double decay = 0.25;
    double averageDecay = 0.3;
    OptimizerSettings settings =
        new OptimizerSettings(0.9, 0.99, 1e-8, decay, decoupled, 0, averageDecay);
    Parameter parameter = parameter(0);
    float[] start = network.weights().get(parameter);
    double[] p = new double[start.length];
    double[] m = new double[start.length];
    double[] v = new double[start.length];
    double[] average = new double[start.length];
    for (int i = 0; i < start.length; i++) {
      p[i] = start[i];
      average[i] = start[i];
    }
    try (Optimizer optimizer = optimizer(settings)) {
      for (int step = 1; step <= 4; step++) {
        float[] gradient = fillGradient(parameter, step);
        assertTrue(optimizer.update(RATE));
        // (1 + n) / (10 + n) passes 0.3 between the second and the third update.
        double kept = Math.min(averageDecay, (1.0 + step) / (10.0 + step));
        for (int i = 0; i < p.length; i++) {
          double g = gradient[i] + (decoupled ? 0 : decay * p[i]);
          m[i] = 0.9 * m[i] + 0.1 * g;
          v[i] = 0.99 * v[i] + 0.01 * g * g;
          double first = m[i] / (1 - Math.pow(0.9, step));
          double second = v[i] / (1 - Math.pow(0.99, step));
          p[i] -= (decoupled ? RATE * decay * p[i] : 0) + RATE * first / (Math.sqrt(second) + 1e-8);
          average[i] = kept * average[i] + (1 - kept) * p[i];
        }
        assertEquals(step, optimizer.updates());
        float[] weights = network.weights().get(parameter);
        float[] averaged = optimizer.ema().get(parameter);
        for (int i = 0; i < p.length; i++) {
          assertEquals(p[i], weights[i], 1e-5, "weight " + i + " after " + step);
          assertEquals(average[i], averaged[i], 1e-5, "average " + i + " after " + step);
        }
      }
    }
  }

  @Test
  @DisplayName(
      "Gradients that are not finite skip the update; too many in a row name the parameter")
  void skipsAndReportsGradientsThatAreNotFinite() {
    try (Optimizer optimizer = optimizer(OptimizerSettings.adam(0.9))) {
      fillGradient(parameter(2), 1);
      assertTrue(optimizer.update(RATE));
      float[] weights = network.weights().toArray();
      float[] average = optimizer.ema().toArray();
      float[] moment = optimizer.firstMoment().toArray();

      float[] bad = fillGradient(parameter(2), 2);
      bad[bad.length - 1] = Float.NaN;
      float[] later = fillGradient(parameter(4), 2);
      later[0] = Float.POSITIVE_INFINITY;
      for (int round = 0; round < 2; round++) {
        gradients.set(parameter(2), bad);
        gradients.set(parameter(4), later);
        for (int i = 1; i < Optimizer.MAX_SKIPPED; i++) {
          assertFalse(optimizer.update(RATE));
        }
        assertEquals(1 + round, optimizer.updates());
        if (round == 0) {
          assertArrayEquals(weights, network.weights().toArray());
          assertArrayEquals(average, optimizer.ema().toArray());
          assertArrayEquals(moment, optimizer.firstMoment().toArray());
          fillGradient(parameter(2), 3);
          fillGradient(parameter(4), 3);
          assertTrue(optimizer.update(RATE), "a good update in between starts the count again");
        }
      }
      DivergedException diverged =
          assertThrows(DivergedException.class, () -> optimizer.update(RATE));
      assertTrue(
          diverged.getMessage().contains("first in " + parameter(2).name() + ";"),
          diverged.getMessage());
      assertFalse(diverged.getMessage().contains("\n"));
    }
  }

  /** Means over all weights: of their squared distance to a target, and of the second moment. */
  private double[] converged(DataType state) {
    float[] start = network.weights().toArray();
    int count = start.length;
    float[] noise = new float[count];
    float[] target = new float[count];
    Philox.normal(4, 0, 0, target);
    OptimizerSettings settings =
        new OptimizerSettings(0.9, 0.999, 1e-8, 0, false, 0, 0).withState(state);
    try (Optimizer optimizer = optimizer(settings)) {
      for (int step = 0; step < CONVERGING; step++) {
        float[] weights = network.weights().toArray();
        SplittableRandom random = new SplittableRandom(step);
        for (int i = 0; i < count; i++) {
          // Uniform, of variance 1.
          noise[i] = weights[i] - target[i] + (float) (Math.sqrt(3) * 0x1p-31 * random.nextInt());
        }
        gradients.upload(MemorySegment.ofArray(noise));
        assertTrue(optimizer.update(0.03 * (CONVERGING - step) / CONVERGING));
      }
      float[] weights = network.weights().toArray();
      float[] second = optimizer.secondMoment().toArray();
      double distance = 0;
      double squares = 0;
      for (int i = 0; i < count; i++) {
        distance += Math.pow(weights[i] - target[i], 2) / count;
        squares += second[i] / count;
      }
      network.weights().upload(MemorySegment.ofArray(start));
      return new double[] {distance, squares};
    }
  }

  @Test
  @DisplayName("Moments in bfloat16 go as far as those in float32, and forget as slowly")
  void momentsOfHalfTheSizeConvergeAsWell() {
    double[] expected = converged(DataType.F32);
    double[] found = converged(DataType.BF16);
    assertTrue(expected[0] < 0.05, "float32 arrives: " + expected[0]);
    assertEquals(expected[0], found[0], 0.03 * expected[0], "distance");
    // Rounded to nearest it would stand still where a thousandth is less than half a last place.
    assertEquals(expected[1], found[1], 0.01 * expected[1], "second moment");
  }

  @Test
  @DisplayName("The usual state is not written down: settings of runs from before it read the same")
  void settingsSayTheStateWhereItIsAnotherOne() {
    OptimizerSettings usual = OptimizerSettings.adam(0.9);
    assertEquals(usual, usual.withState(DataType.F32));
    assertFalse(Json.tree(usual).has("state"), Json.text(usual));
    assertEquals(usual, Json.parse(OptimizerSettings.class, "settings", Json.text(usual)));
    OptimizerSettings half = usual.withState(DataType.BF16);
    assertEquals("BF16", Json.tree(half).path("state").asText());
    assertEquals(half, Json.parse(OptimizerSettings.class, "settings", Json.text(half)));
    assertEquals(20 * 1000, usual.bytes(1000));
    assertEquals(16 * 1000, half.bytes(1000));
    assertEquals(12 * 1000, OptimizerSettings.adam(0).withState(DataType.BF16).bytes(1000));
    assertThrows(IllegalArgumentException.class, () -> usual.withState(DataType.F16));
  }
}
