package org.halfstep.report;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.train.LossTable;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** The losses of runs as a picture: a line for each phase, one phase behind the other. */
public final class LossPlot {
  /** Points of a line: more than a picture has columns would only be noise. */
  private static final int MOST_POINTS = 300;

  private LossPlot() {}

  /**
   * Draws a picture.
   *
   * @param runs rows of each run by its name, at least one row in all
   * @throws IOException in one line, when the file cannot be written
   */
  public static void write(Path file, Map<String, List<LossTable.Row>> runs) throws IOException {
    Plots.write(file, chart(runs), Map.of());
  }

  static XYChart chart(Map<String, List<LossTable.Row>> runs) {
    XYChart chart = Plots.chart("Loss", "updates", "loss");
    boolean positive = true;
    for (Map.Entry<String, List<LossTable.Row>> run : runs.entrySet()) {
      String prefix = runs.size() == 1 ? "" : run.getKey() + ": ";
      long before = 0;
      for (Map.Entry<String, List<LossTable.Row>> phase : phases(run.getValue()).entrySet()) {
        List<double[]> points = points(phase.getValue(), before);
        before += phase.getValue().getLast().update();
        if (points.isEmpty()) {
          continue;
        }
        positive &= points.stream().allMatch(point -> point[1] > 0);
        XYSeries line =
            chart.addSeries(
                prefix + phase.getKey(),
                points.stream().mapToDouble(point -> point[0]).toArray(),
                points.stream().mapToDouble(point -> point[1]).toArray());
        line.setMarker(points.size() == 1 ? SeriesMarkers.CIRCLE : SeriesMarkers.NONE);
      }
    }
    chart.getStyler().setYAxisLogarithmic(positive);
    return chart;
  }

  /** Rows of each phase, in the order in which they began. */
  private static Map<String, List<LossTable.Row>> phases(List<LossTable.Row> rows) {
    Map<String, List<LossTable.Row>> phases = new LinkedHashMap<>();
    rows.forEach(row -> phases.computeIfAbsent(row.phase(), _ -> new ArrayList<>()).add(row));
    return phases;
  }

  /** Means over neighbours where there are too many rows; what is no number is left out. */
  private static List<double[]> points(List<LossTable.Row> rows, long before) {
    List<LossTable.Row> finite = rows.stream().filter(row -> Double.isFinite(row.loss())).toList();
    int each = Math.ceilDiv(Math.max(1, finite.size()), MOST_POINTS);
    List<double[]> points = new ArrayList<>();
    for (int first = 0; first < finite.size(); first += each) {
      List<LossTable.Row> some = finite.subList(first, Math.min(finite.size(), first + each));
      double mean = some.stream().mapToDouble(LossTable.Row::loss).average().orElseThrow();
      points.add(new double[] {before + some.getLast().update(), mean});
    }
    return points;
  }
}
