package org.halfstep.report;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** The plots of a report of pictures, as PNG files. None needs a display. */
final class PicturePlots {
  static final String FID = "fid-against-steps.png";
  static final String CAPTIONS = "captions-against-steps.png";
  static final String TRADE_OFF = "captions-against-fid.png";
  static final String EDITS = "edits-against-distance.png";

  private static final String FID_AXIS = "FID to held-out pictures";
  private static final String CAPTION_AXIS = "caption score (mean cosine)";

  private PicturePlots() {}

  /** A value against steps, a line per guidance strength, a teacher's apart. */
  private static XYChart againstSteps(
      List<PictureRow> rows, String axis, ToDoubleFunction<PictureRow> value) {
    XYChart chart = Plots.chart(axis + " against steps", Plots.STEPS, axis);
    ToDoubleFunction<Integer> place =
        Plots.stepsAxis(
            chart,
            rows.stream().map(row -> row.first().steps()).toList(),
            value.applyAsDouble(rows.getFirst()));
    Map<String, List<PictureRow>> lines = new TreeMap<>();
    for (PictureRow row : rows) {
      String kind = row.first().teacher() ? ", teacher" : "";
      lines
          .computeIfAbsent(
              "w = " + Numbers.plain(row.first().guidance()) + kind, _ -> new ArrayList<>())
          .add(row);
    }
    lines.forEach(
        (name, line) ->
            add(chart, name, line, row -> place.applyAsDouble(row.first().steps()), value));
    return chart;
  }

  private static void add(
      XYChart chart,
      String name,
      List<PictureRow> line,
      ToDoubleFunction<PictureRow> x,
      ToDoubleFunction<PictureRow> y) {
    List<PictureRow> sorted = new ArrayList<>(line);
    sorted.sort(Comparator.comparingDouble(x));
    chart
        .addSeries(
            name,
            sorted.stream().mapToDouble(x).toArray(),
            sorted.stream().mapToDouble(y).toArray())
        .setMarker(SeriesMarkers.CIRCLE);
  }

  /**
   * Draws what there is.
   *
   * @param rows of models, all of equally many pictures, each by its usual sampler
   * @param edits of whole pictures
   */
  static void draw(
      Path folder, List<PictureRow> rows, List<EditMeasurement> edits, Map<String, String> text)
      throws IOException {
    if (!rows.isEmpty()) {
      Plots.write(folder.resolve(FID), againstSteps(rows, FID_AXIS, PictureRow::fid), text);
      Plots.write(
          folder.resolve(CAPTIONS),
          againstSteps(rows, CAPTION_AXIS, PictureRow::captionCosine),
          text);
      XYChart chart =
          Plots.chart(
              "Caption score against FID, over guidance strengths w", FID_AXIS, CAPTION_AXIS);
      Map<String, List<PictureRow>> lines = new LinkedHashMap<>();
      rows.forEach(
          row ->
              lines
                  .computeIfAbsent(
                      row.first().model() + ", " + Series.steps(row.first().steps()),
                      _ -> new ArrayList<>())
                  .add(row));
      lines.forEach(
          (name, line) ->
              chart
                  .addSeries(
                      name,
                      line.stream().mapToDouble(PictureRow::fid).toArray(),
                      line.stream().mapToDouble(PictureRow::captionCosine).toArray())
                  .setMarker(SeriesMarkers.CIRCLE));
      Plots.write(folder.resolve(TRADE_OFF), chart, text);
    }
    if (!edits.isEmpty()) {
      XYChart chart =
          Plots.chart(
              "Edits of growing strength",
              "distance to the picture",
              "caption score of the target");
      Map<String, List<EditMeasurement>> lines = new LinkedHashMap<>();
      edits.forEach(
          one ->
              lines
                  .computeIfAbsent(
                      one.model() + ", " + Series.steps(one.steps()), _ -> new ArrayList<>())
                  .add(one));
      lines.forEach(
          (name, line) -> {
            line.sort(Comparator.comparingDouble(EditMeasurement::strength));
            chart
                .addSeries(
                    name,
                    line.stream().mapToDouble(EditMeasurement::inside).toArray(),
                    line.stream().mapToDouble(EditMeasurement::captionCosine).toArray())
                .setMarker(SeriesMarkers.CIRCLE);
          });
      Plots.write(folder.resolve(EDITS), chart, text);
    }
  }
}
