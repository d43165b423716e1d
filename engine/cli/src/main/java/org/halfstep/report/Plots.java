package org.halfstep.report;

import java.awt.Color;
import java.awt.Font;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiFunction;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import org.halfstep.image.PngFile;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.lines.SeriesLines;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** The plots of a report, as PNG files. None needs a display. */
final class Plots {
  static final String FID = "fid-against-steps.png";
  static final String INCEPTION_SCORE = "is-against-steps.png";
  static final String TRADE_OFF = "is-against-fid.png";
  static final String TIME = "time-against-steps.png";
  static final String COST = "fid-against-time.png";

  static final String STEPS = "sampler steps";
  private static final String MILLISECONDS = "ms per image";
  private static final int WIDTH = 900;
  private static final int HEIGHT = 600;
  private static final int MARKER_SIZE = 8;

  /** What a quality plot is of one measured series and guidance strength. */
  interface Value extends BiFunction<Series, Double, Series.OverSeeds> {}

  private Plots() {}

  /** Frechet distance against steps, a line per guidance strength. */
  static void fid(Path folder, List<Series> series, String extractor, Map<String, String> text)
      throws IOException {
    String axis = "FID (" + extractor + ")";
    write(
        folder.resolve(FID),
        againstSteps(series, axis + " against steps", axis, Series::fid),
        text);
  }

  /** Inception Score against steps, a line per guidance strength. */
  static void inceptionScore(
      Path folder, List<Series> series, String extractor, Map<String, String> text)
      throws IOException {
    String axis = "IS (" + extractor + ")";
    write(
        folder.resolve(INCEPTION_SCORE),
        againstSteps(series, axis + " against steps", axis, Series::inceptionScore),
        text);
  }

  static XYChart againstSteps(List<Series> series, String title, String axis, Value value) {
    XYChart chart = chart(title, STEPS, axis);
    Series some = series.getFirst();
    ToDoubleFunction<Integer> place =
        stepsAxis(
            chart,
            series.stream().map(Series::steps).toList(),
            value.apply(some, some.bestGuidance()).mean());
    TreeSet<Double> guidances = new TreeSet<>();
    series.forEach(one -> guidances.addAll(one.byGuidance().keySet()));
    int colour = 0;
    for (double w : guidances) {
      Color own = chart.getStyler().getSeriesColors()[colour++ % colours(chart)];
      // Students of one kind of weights are one line; a teacher's points stand alone.
      Map<String, List<Series>> kinds = new TreeMap<>();
      for (Series one : series) {
        if (one.byGuidance().containsKey(w)) {
          kinds.computeIfAbsent(kind(one), _ -> new ArrayList<>()).add(one);
        }
      }
      kinds.forEach(
          (kind, members) -> {
            double[] x = members.stream().map(Series::steps).mapToDouble(place).toArray();
            double[] y = members.stream().mapToDouble(one -> value.apply(one, w).mean()).toArray();
            double[] error =
                members.stream().mapToDouble(one -> value.apply(one, w).deviation()).toArray();
            XYSeries line = chart.addSeries("w = " + Numbers.plain(w) + kind, x, y, error);
            line.setLineColor(own);
            line.setMarkerColor(own);
            line.setMarker(kind.isEmpty() ? SeriesMarkers.CIRCLE : SeriesMarkers.DIAMOND);
            if (members.getFirst().teacher()) {
              line.setXYSeriesRenderStyle(XYSeries.XYSeriesRenderStyle.Scatter);
              line.setMarker(SeriesMarkers.SQUARE);
            }
          });
    }
    return chart;
  }

  private static String kind(Series series) {
    return series.family();
  }

  /** Inception Score against Frechet distance, a line per model over guidance strengths. */
  static void tradeOff(Path folder, List<Series> series, String extractor, Map<String, String> text)
      throws IOException {
    XYChart chart =
        chart(
            "IS against FID, over guidance strengths w",
            "FID (" + extractor + ")",
            "IS (" + extractor + ")");
    for (Series one : series) {
      double[] x = one.byGuidance().keySet().stream().mapToDouble(w -> one.fid(w).mean()).toArray();
      double[] y =
          one.byGuidance().keySet().stream()
              .mapToDouble(w -> one.inceptionScore(w).mean())
              .toArray();
      chart.addSeries(one.title() + ", " + Series.steps(one.steps()), x, y);
    }
    write(folder.resolve(TRADE_OFF), chart, text);
  }

  /**
   * Frechet distance against milliseconds per image, each model at its best guidance strength, a
   * line per kind of model: what quality costs.
   */
  static void cost(
      Path folder,
      List<Series> series,
      List<Timing> timings,
      String extractor,
      Map<String, String> text)
      throws IOException {
    int batch = Stopwatch.BATCHES.getLast();
    String axis = "FID (" + extractor + "), at the best w";
    XYChart chart = chart("FID against time per image, batch " + batch, MILLISECONDS, axis);
    chart.getStyler().setXAxisLogarithmic(true);
    TreeMap<String, TreeMap<Double, Series>> lines = new TreeMap<>();
    for (Series one : series) {
      Timing.find(timings, one, batch)
          .ifPresent(
              timing ->
                  lines
                      .computeIfAbsent(
                          one.teacher()
                              ? "guided teacher" + Series.by(one.sampler())
                              : "students" + kind(one),
                          _ -> new TreeMap<>())
                      .put(timing.milliseconds(), one));
    }
    if (lines.isEmpty()) {
      return;
    }
    lines.forEach(
        (name, points) ->
            chart
                .addSeries(
                    name,
                    points.keySet().stream().mapToDouble(Double::doubleValue).toArray(),
                    points.values().stream()
                        .mapToDouble(one -> one.fid(one.bestGuidance()).mean())
                        .toArray())
                .setMarker(SeriesMarkers.CIRCLE));
    write(folder.resolve(COST), chart, text);
  }

  /** Milliseconds per image, logarithmic, against steps, a line per batch size. */
  static void time(Path folder, List<Timing> timings, Map<String, String> text) throws IOException {
    XYChart chart = chart("Time per image against steps", STEPS, MILLISECONDS);
    ToDoubleFunction<Integer> place =
        stepsAxis(
            chart, timings.stream().map(Timing::steps).toList(), timings.getFirst().milliseconds());
    chart.getStyler().setYAxisLogarithmic(true);
    TreeMap<String, List<Timing>> lines = new TreeMap<>();
    for (Timing timing : timings) {
      if (timing.sampler() != null || timing.unguided()) {
        continue;
      }
      boolean guided = timing.evaluations() > timing.steps();
      String kind = guided ? "guided teacher" : timing.int8() ? "students, int8" : "students";
      lines.computeIfAbsent(kind + ", batch " + timing.batch(), _ -> new ArrayList<>()).add(timing);
    }
    lines.forEach(
        (name, line) -> {
          line.sort((a, b) -> Integer.compare(a.steps(), b.steps()));
          chart
              .addSeries(
                  name,
                  line.stream().map(Timing::steps).mapToDouble(place).toArray(),
                  line.stream().mapToDouble(Timing::milliseconds).toArray())
              .setMarker(SeriesMarkers.CIRCLE);
        });
    write(folder.resolve(TIME), chart, text);
  }

  static XYChart chart(String title, String x, String y) {
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(title)
            .xAxisTitle(x)
            .yAxisTitle(y)
            .build();
    chart
        .getStyler()
        .setLegendPosition(LegendPosition.OutsideE)
        .setChartBackgroundColor(Color.WHITE)
        .setChartTitleFont(new Font(Font.SANS_SERIF, Font.PLAIN, 16));
    chart.getStyler().setMarkerSize(MARKER_SIZE);
    chart.getStyler().setLocale(Locale.ROOT);
    return chart;
  }

  /**
   * Gives each number of steps that is there a place and a tick of its own, evenly spaced. XChart
   * has no ticks at chosen places, but those of values that are evenly spaced, in the order in
   * which series bring them, it puts at the values: so the first series has all places, and is not
   * seen.
   *
   * @param y of some point, which makes the axis beside it no longer
   * @return the place of a number of steps
   */
  static ToDoubleFunction<Integer> stepsAxis(XYChart chart, List<Integer> steps, double y) {
    List<Integer> ticks = List.copyOf(new TreeSet<>(steps));
    double[] places = IntStream.range(0, ticks.size()).asDoubleStream().toArray();
    double[] same = new double[places.length];
    Arrays.fill(same, y);
    chart
        .addSeries("steps", places, same)
        .setMarker(SeriesMarkers.NONE)
        .setLineStyle(SeriesLines.NONE)
        .setShowInLegend(false);
    chart
        .getStyler()
        .setxAxisTickLabelsFormattingFunction(
            place -> {
              int nearest = (int) Math.rint(place);
              boolean there = place == nearest && nearest >= 0 && nearest < ticks.size();
              // XChart looks for places until all labels differ: two blanks would keep it looking.
              return there ? ticks.get(nearest).toString() : Double.toString(place);
            });
    return ticks::indexOf;
  }

  private static int colours(XYChart chart) {
    return chart.getStyler().getSeriesColors().length;
  }

  static void write(Path file, XYChart chart, Map<String, String> text) throws IOException {
    BufferedImage picture = BitmapEncoder.getBufferedImage(chart);
    PngFile.write(file, picture, text);
  }
}
