package org.halfstep.report;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.metrics.Quality;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.internal.chartpart.AxisPair;
import org.knowm.xchart.internal.chartpart.AxisTickCalculator;
import org.knowm.xchart.internal.chartpart.Chart;

/** What an axis of steps shows. */
class PlotsTest {
  private static Measurement measurement(int steps) {
    return new Measurement(
        steps > 16 ? "teacher" : "student-" + steps,
        "",
        false,
        steps > 16,
        steps,
        1,
        0,
        new Quality(100, 1.0 / steps, 8, 0, 0, 0, 0, 0),
        "",
        100,
        "",
        "",
        "",
        "",
        "",
        "",
        "");
  }

  private static List<String> ticks(XYChart chart) throws ReflectiveOperationException {
    BitmapEncoder.getBufferedImage(chart);
    Field pair = Chart.class.getDeclaredField("axisPair");
    pair.setAccessible(true);
    AxisTickCalculator axis = ((AxisPair<?, ?>) pair.get(chart)).getXAxis().getAxisTickCalculator();
    return axis.getTickLabels();
  }

  @ParameterizedTest
  @CsvSource({"'1 2 4 8 256'", "'1 2 4 8 16 256'", "'3 10 100'", "'1 2 4 8 16 32 64 128 256'", "5"})
  void ticksAreAtTheStepsThatAreThere(String steps) throws ReflectiveOperationException {
    System.setProperty("java.awt.headless", "true");
    List<String> expected = List.of(steps.split(" "));
    List<Measurement> all = new ArrayList<>();
    expected.forEach(number -> all.add(measurement(Integer.parseInt(number))));
    XYChart chart = Plots.againstSteps(Series.of(all), "FID", "FID", Series::fid);
    assertEquals(expected, ticks(chart));
  }
}
