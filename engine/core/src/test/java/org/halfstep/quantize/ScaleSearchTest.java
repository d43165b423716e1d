package org.halfstep.quantize;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;
import org.halfstep.quantize.ScaleSearch.ByteRange;
import org.junit.jupiter.api.Test;

class ScaleSearchTest {
  private static ValueHistogram histogram(float... values) {
    ValueHistogram histogram = new ValueHistogram();
    histogram.add(MemorySegment.ofArray(values), values.length);
    return histogram;
  }

  private static float[] uniform(int count, float low, float high) {
    Random random = new Random(1);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = low + (high - low) * random.nextFloat();
    }
    return values;
  }

  private static double meanSquare(float[] values, ByteRange range) {
    double sum = 0;
    for (float value : values) {
      sum += Math.pow(range.error(value), 2);
    }
    return sum / values.length;
  }

  @Test
  void evenValuesTakeTheWholeRange() {
    float[] values = uniform(20_000, -0.25f, 4.75f);
    ByteRange range = ScaleSearch.activations(List.of(histogram(values)));
    assertEquals(5.0 / 255, range.scale(), 1e-4);
    assertEquals(12.75, range.zeroPoint(), 1);
    assertEquals(Math.pow(range.scale(), 2) / 12, meanSquare(values, range), 1e-6);
  }

  @Test
  void rareLargeValuesAreClipped() {
    float[] values = uniform(2_000_000, -1, 1);
    values[17] = 3;
    ByteRange range = ScaleSearch.activations(List.of(histogram(values)));
    ByteRange whole = new ByteRange(4f / 255, 64);
    assertTrue(range.scale() < 0.7 * whole.scale(), "scale " + range.scale());
    assertTrue(meanSquare(values, range) < 0.7 * meanSquare(values, whole));
  }

  @Test
  void twoSourcesShareARange() {
    ByteRange range =
        ScaleSearch.activations(
            List.of(histogram(uniform(9000, -3, 0)), histogram(uniform(9000, 0, 2))));
    assertEquals(5.0 / 255, range.scale(), 1e-3);
    assertEquals(153, range.zeroPoint(), 2);
  }

  @Test
  void valuesOfOneSignHaveZeroAtAnEnd() {
    assertEquals(0, ScaleSearch.activations(List.of(histogram(1, 2, 3))).zeroPoint());
    assertEquals(255, ScaleSearch.activations(List.of(histogram(-1, -2, -3))).zeroPoint());
    assertEquals(
        new ByteRange(1, 0), ScaleSearch.activations(List.of(histogram(0, 0))), "no range");
  }

  @Test
  void countsDoNotDependOnTheOrder() {
    ValueHistogram up = histogram(1e-5f, -0.001f, 0.4f, 100);
    ValueHistogram down = histogram(100, 0.4f, -0.001f, 1e-5f);
    ValueHistogram parts = histogram(1e-5f, -0.001f);
    parts.add(MemorySegment.ofArray(new float[] {0.4f, 100}), 2);
    for (int bin = 0; bin < up.bins(); bin++) {
      assertEquals(up.count(bin), down.count(bin));
      assertEquals(up.count(bin), parts.count(bin));
    }
    assertEquals(100, up.largest());
  }

  @Test
  void notANumberIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> histogram(1, Float.NaN));
  }

  @Test
  void weightsHaveAScalePerChannel() {
    float[] weight = {0.5f, -1, 0.25f, 1, 10, -20, 5, 2, 0, 0, 0, 0};
    float[] scales = ScaleSearch.weights(weight, 3);
    assertEquals(20, scales[1] / scales[0], 0.01);
    assertEquals(1, scales[2], "a channel of zeros");
    assertTrue(scales[0] <= 1f / 127 && scales[0] >= 0.6f / 127);
  }
}
