package org.halfstep.report;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.halfstep.train.LossTable;
import org.junit.jupiter.api.Test;
import org.knowm.xchart.XYChart;

/** Which lines a picture of losses has. */
class LossPlotTest {
  private static LossTable.Row row(String phase, long update, double loss) {
    return new LossTable.Row(phase, update, loss, 1e-3, 1, 0);
  }

  @Test
  void phasesFollowOneAnother() {
    List<LossTable.Row> rows =
        List.of(
            row("first", 10, 4),
            row("first", 20, 2),
            row("second", 5, 8),
            row("second", 10, 1),
            row("third", 2, 3));
    XYChart chart = LossPlot.chart(Map.of("run", rows));
    assertEquals(List.of("first", "second", "third"), List.copyOf(chart.getSeriesMap().keySet()));
    assertArrayEquals(new double[] {10, 20}, chart.getSeriesMap().get("first").getXData());
    assertArrayEquals(new double[] {25, 30}, chart.getSeriesMap().get("second").getXData());
    assertArrayEquals(new double[] {8, 1}, chart.getSeriesMap().get("second").getYData());
    assertArrayEquals(new double[] {32}, chart.getSeriesMap().get("third").getXData());
    assertTrue(chart.getStyler().isYAxisLogarithmic());
  }

  @Test
  void manyRowsBecomeMeansAndWhatIsNoNumberIsLeftOut() {
    List<LossTable.Row> rows = new ArrayList<>();
    for (int i = 1; i <= 900; i++) {
      rows.add(row("teacher", i, i % 3 == 0 ? 6 : 0));
    }
    rows.add(row("teacher", 901, Double.NaN));
    XYChart chart = LossPlot.chart(Map.of("run", rows));
    double[] y = chart.getSeriesMap().get("teacher").getYData();
    assertEquals(300, y.length);
    for (double mean : y) {
      assertEquals(2, mean);
    }
  }

  @Test
  void lossesOfNoughtOrLessHaveNoLogarithm() {
    XYChart chart = LossPlot.chart(Map.of("run", List.of(row("a", 1, 1), row("a", 2, 0))));
    assertFalse(chart.getStyler().isYAxisLogarithmic());
  }
}
