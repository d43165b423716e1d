package org.halfstep.graph;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.Set;
import org.halfstep.device.Activation;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.graph.Parameter.Initializer;
import org.junit.jupiter.api.Test;

/** The look-up of a vector-quantized autoencoder, and what ops refuse when they are made. */
class CodebookTest {
  private final Graph graph = new Graph();
  private final Value x = graph.image("x", new Shape(2, 3, 2));
  private final Parameter codebook = graph.parameter("codebook", Initializer.NORMAL, 1, 4, 2);

  @Test
  void aPixelBecomesTheNearestRowOfTheCodebook() {
    Value index = graph.name("index", graph.nearest("nearest", x, codebook));
    graph.name("out", graph.embedding("rows", codebook, index));
    float[] rows = {0, 0, 1, 0, 0, 1, 1, 1};
    float[] pixels = {0.1f, 0.2f, 0.9f, 0.2f, -3, 9, 2, 2, 0.5f, 0, 0.5f, 0.6f};
    try (Device device = new CpuDevice();
        ParameterSlab weights = new ParameterSlab(device, graph, "weights")) {
      weights.set(codebook, rows);
      try (Plan plan =
          Plan.inference(
              device, graph, PlanOptions.inference(1).withKept(Set.of(index)), weights)) {
        device.upload(MemorySegment.ofArray(pixels), plan.address("x"), 4L * pixels.length);
        plan.prepare();
        plan.forward();
        int[] numbers = new int[6];
        float[] out = new float[12];
        device.download(plan.address("index"), MemorySegment.ofArray(numbers), 24);
        device.download(plan.address("out"), MemorySegment.ofArray(out), 48);
        assertArrayEquals(new int[] {0, 1, 2, 3, 0, 2}, numbers); // the first of equals
        for (int i = 0; i < out.length; i++) {
          assertEquals(rows[numbers[i / 2] * 2 + i % 2], out[i]);
        }
      }
    }
  }

  @Test
  void aCodebookIsForInferenceOnly() {
    Value index = graph.nearest("nearest", x, codebook);
    graph.name("out", graph.embedding("rows", codebook, index));
    try (Device device = new CpuDevice();
        ParameterSlab weights = new ParameterSlab(device, graph, "weights");
        ParameterSlab gradients = new ParameterSlab(device, graph, "gradients")) {
      IllegalArgumentException refused =
          assertThrows(
              IllegalArgumentException.class,
              () -> Plan.training(device, graph, PlanOptions.training(1, 0), weights, gradients));
      assertTrue(refused.getMessage().contains("inference only"), refused.getMessage());
    }
  }

  @Test
  void whatDoesNotFitIsRefusedWhenTheGraphIsWritten() {
    Parameter wide = graph.parameter("wide", Initializer.NORMAL, 1, 6, 3);
    Value labels = graph.labels("labels");
    Value odd = graph.image("odd", Shape.vector(3));
    assertRefused(() -> graph.nearest("n", x, wide), "channels of x");
    assertRefused(() -> graph.embedding("e", codebook, x), "whole numbers");
    assertRefused(() -> graph.positions("p", x, wide), "one row for each pixel");
    assertRefused(() -> graph.gather("g", x, graph.tokens("many", 2)), "one whole number");
    assertRefused(() -> graph.gather("g", labels, x), "one whole number");
    assertRefused(() -> graph.glu("u", odd, Activation.GELU), "even number of channels");
    assertRefused(() -> graph.layerNorm("l", x, wide, wide, 1e-5f), "one number per channel");
    Parameter two = graph.parameter("two", Initializer.ONE, 1, 2);
    assertRefused(() -> graph.layerNorm("l", x, two, two, 0), "eps must lie in (0, 1]");
    assertRefused(() -> graph.upsample2("s", x, 2, 6), "less than twice the size");
    assertRefused(() -> graph.upsample2("s", x, 5, 6), "no part of 5x6");
    assertRefused(() -> graph.guidanceSinusoid("w", graph.scalar("w"), 1000, 3), "at least 4");
  }

  private static void assertRefused(Runnable making, String because) {
    IllegalArgumentException refused = assertThrows(IllegalArgumentException.class, making::run);
    assertTrue(refused.getMessage().contains(because), refused.getMessage());
  }
}
