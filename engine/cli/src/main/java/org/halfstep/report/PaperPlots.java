package org.halfstep.report;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.halfstep.diffusion.Solver;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Plots of the paper's tables: what quality costs, by kind of student and by solver. */
final class PaperPlots {
  private PaperPlots() {}

  /** The file of a plot at one guidance strength. */
  static String file(double w) {
    return "fid-against-evaluations-w" + Numbers.plain(w) + ".png";
  }

  /**
   * Frechet distance against network evaluations at one guidance strength, a line for each kind of
   * student and each solver of the teacher.
   */
  static void evaluations(
      Path folder, PaperRows rows, double w, String extractor, Map<String, String> text)
      throws IOException {
    Plots.write(folder.resolve(file(w)), chart(rows, w, extractor), text);
  }

  static XYChart chart(PaperRows rows, double w, String extractor) {
    XYChart chart =
        Plots.chart(
            "FID against network evaluations, w = " + Numbers.plain(w),
            "network evaluations per image",
            "FID (" + extractor + ")");
    chart.getStyler().setXAxisLogarithmic(true);
    Map<String, List<double[]>> lines = new TreeMap<>();
    for (PaperRows.Row row : rows.all()) {
      rows.find(row, w)
          .ifPresent(
              series ->
                  lines
                      .computeIfAbsent(line(row), _ -> new ArrayList<>())
                      .add(
                          new double[] {
                            row.evaluations(w), series.fid(w).mean(), series.fid(w).deviation()
                          }));
    }
    lines.forEach(
        (name, points) -> {
          points.sort((a, b) -> Double.compare(a[0], b[0]));
          chart
              .addSeries(name, column(points, 0), column(points, 1), column(points, 2))
              .setMarker(SeriesMarkers.CIRCLE);
        });
    return chart;
  }

  private static String line(PaperRows.Row row) {
    return switch (row.kind()) {
      case TEACHER ->
          "teacher, " + Series.name(row.sampler() == null ? Solver.DDIM : row.sampler());
      default -> "students, " + row.kind().label();
    };
  }

  private static double[] column(List<double[]> points, int index) {
    return points.stream().mapToDouble(point -> point[index]).toArray();
  }
}
