package org.halfstep.report;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.halfstep.files.AtomicFile;

/** A report of pictures as Markdown, from nothing but what was measured. */
final class PicturePage {
  static final String FILE = "report.md";

  private static final int KID_SCALE = 1000;
  private static final int DECIMALS = 3;

  private static final List<String> QUALITY =
      List.of(
          "FID, held out",
          "FID, training",
          "KID x " + KID_SCALE + ", held out",
          "KID x " + KID_SCALE + ", training",
          "caption score",
          "right caption found",
          "precision",
          "recall",
          "seeds");

  private final List<PictureMeasurement> pictures;
  private final List<EditMeasurement> edits;
  private final List<NearestMeasurement> nearest;
  private final Origin origin;
  private final Path folder;
  private final StringBuilder text = new StringBuilder();

  /**
   * @param pictures all on one scale, as are the others
   */
  PicturePage(
      List<PictureMeasurement> pictures,
      List<EditMeasurement> edits,
      List<NearestMeasurement> nearest,
      Origin origin,
      Path folder) {
    this.pictures = pictures;
    this.edits = edits;
    this.nearest = nearest;
    this.origin = origin;
    this.folder = folder;
  }

  /** Rows of models by their usual samplers at the number of pictures that all have. */
  List<PictureRow> compared() {
    return usual(PictureRow.of(pictures.stream().filter(this::isCompared).toList()));
  }

  private boolean isCompared(PictureMeasurement one) {
    return one.samples() == comparedCount();
  }

  /**
   * The number of pictures that the teacher at most steps and students are compared on: the
   * teacher's, or else the least.
   */
  private long comparedCount() {
    return mostSteps()
        .map(PictureMeasurement::samples)
        .orElseGet(
            () ->
                pictures.stream()
                    .filter(one -> !one.model().equals(PictureMeasurement.REAL))
                    .mapToLong(PictureMeasurement::samples)
                    .min()
                    .orElse(0));
  }

  /** A teacher's measurement at most steps, of most pictures: with the teacher's usual sampler. */
  private Optional<PictureMeasurement> mostSteps() {
    return pictures.stream()
        .filter(PictureMeasurement::teacher)
        .max(
            Comparator.comparingInt(PictureMeasurement::steps)
                .thenComparingLong(PictureMeasurement::samples));
  }

  /** Without real pictures, and what a teacher's other samplers made. */
  private List<PictureRow> usual(List<PictureRow> rows) {
    String sampler = mostSteps().map(PictureMeasurement::sampler).orElse("");
    return rows.stream()
        .filter(row -> !row.isReal())
        .filter(row -> !row.first().teacher() || row.first().sampler().equals(sampler))
        .toList();
  }

  void write() throws IOException {
    line("# Pictures of texts: quality, agreement with captions, editing");
    line("");
    List<PictureRow> rows = compared();
    line("## Targets");
    line("");
    PictureTargets.check(rows).forEach(each -> line("- " + each));
    line("");
    line("Each model at its w of least FID, " + comparedCount() + " pictures of each.");
    line("");
    plot("FID against steps", PicturePlots.FID);
    plot("Caption score against steps", PicturePlots.CAPTIONS);
    plot("Caption score against FID", PicturePlots.TRADE_OFF);
    tables();
    editing();
    inpainting();
    memory();
    grids();
    how();
    AtomicFile.write(folder.resolve(FILE), text.toString().getBytes(StandardCharsets.UTF_8));
  }

  private void line(String line) {
    text.append(line).append('\n');
  }

  private void row(List<String> cells) {
    line("| " + String.join(" | ", cells) + " |");
  }

  private void header(List<String> cells) {
    row(cells);
    row(cells.stream().map(_ -> "---").toList());
  }

  private void plot(String title, String file) {
    if (Files.exists(folder.resolve(file))) {
      line("![" + title + "](" + file + ")");
      line("");
    }
  }

  private void tables() {
    TreeMap<Long, List<PictureMeasurement>> counts =
        pictures.stream()
            .collect(
                Collectors.groupingBy(
                    PictureMeasurement::samples, TreeMap::new, Collectors.toList()));
    counts.forEach(
        (count, all) -> {
          line("## " + count + " pictures of each");
          line("");
          List<String> names =
              new ArrayList<>(
                  List.of(
                      "model", "sampler", "steps", "network evaluations", "w", "ms per picture"));
          names.addAll(QUALITY);
          header(names);
          PictureRow.of(all).forEach(this::row);
          line("");
        });
    line(
        "Pictures of held-out captions, picture k of caption k, from the same noise in every model. ± is"
            + " the standard deviation over seeds. The caption score is the mean cosine of a picture and its"
            + " caption; the right caption is looked for among those of 100 pictures. FID and KID are in the"
            + " features of the caption scorer and depend on the number of pictures: only those of one table"
            + " can be compared. Milliseconds are of the run that measured, not of a quiet machine.");
    line("");
  }

  private void row(PictureRow row) {
    PictureMeasurement first = row.first();
    boolean real = row.isReal();
    List<String> cells = new ArrayList<>();
    cells.add(first.model());
    cells.add(real ? "–" : first.sampler());
    cells.add(real ? "–" : Integer.toString(first.steps()));
    cells.add(real ? "–" : Long.toString(first.evaluations()));
    cells.add(real ? "–" : Numbers.plain(first.guidance()));
    cells.add(real ? "–" : Numbers.decimal(row.over(PictureMeasurement::milliseconds).mean()));
    cells.add(row.over(one -> one.heldOut().fid()).toString(DECIMALS));
    cells.add(row.over(one -> one.training().fid()).toString(DECIMALS));
    cells.add(row.over(one -> KID_SCALE * one.heldOut().kid()).toString(2));
    cells.add(row.over(one -> KID_SCALE * one.training().kid()).toString(2));
    cells.add(row.over(PictureMeasurement::captionCosine).toString(DECIMALS));
    cells.add(row.over(one -> 100 * one.retrieval()).toString(1) + " % of " + first.among());
    cells.add(row.over(one -> one.heldOut().precision()).toString(DECIMALS));
    cells.add(row.over(one -> one.heldOut().recall()).toString(DECIMALS));
    cells.add(
        row.all().stream()
            .map(one -> Long.toString(one.seed()))
            .sorted()
            .collect(Collectors.joining(", ")));
    row(cells);
  }

  private void editing() {
    List<EditMeasurement> whole = edits.stream().filter(one -> !one.masked()).toList();
    if (whole.isEmpty()) {
      return;
    }
    line("## Editing");
    line("");
    header(
        List.of(
            "model",
            "steps",
            "network evaluations",
            "w",
            "strength",
            "caption score of the target",
            "distance to the picture"));
    whole.forEach(
        one ->
            row(
                List.of(
                    one.model(),
                    Integer.toString(one.steps()),
                    Long.toString(one.evaluations()),
                    Numbers.plain(one.guidance()),
                    Numbers.plain(one.strength()),
                    Numbers.fixed(one.captionCosine(), DECIMALS),
                    Numbers.fixed(one.inside(), DECIMALS))));
    line("");
    line(
        whole.getFirst().pictures()
            + " held-out pictures, each under the caption of another one. The distance is the root mean"
            + " square of the change, 1 from black to white.");
    line("");
    plot("Caption score against distance", PicturePlots.EDITS);
    plot("Edits of growing strength", PictureGrids.EDITS);
  }

  private void inpainting() {
    List<EditMeasurement> parts = edits.stream().filter(EditMeasurement::masked).toList();
    if (parts.isEmpty()) {
      return;
    }
    line("## Inpainting");
    line("");
    header(
        List.of(
            "model",
            "steps",
            "network evaluations",
            "w",
            "caption score",
            "distance inside the mask",
            "distance outside"));
    parts.forEach(
        one ->
            row(
                List.of(
                    one.model(),
                    Integer.toString(one.steps()),
                    Long.toString(one.evaluations()),
                    Numbers.plain(one.guidance()),
                    Numbers.fixed(one.captionCosine(), DECIMALS),
                    Numbers.fixed(one.inside(), DECIMALS),
                    one.outside() == null ? "–" : Numbers.fixed(one.outside(), DECIMALS))));
    line("");
    line(
        parts.getFirst().pictures()
            + " held-out pictures with random masks, under their own captions. Outside the mask is what the"
            + " first stage and the network make of the picture: commands put the picture's own pixels there."
            + " A teacher that was not made for it is led back after each step.");
    line("");
    plot("Inpainted pictures", PictureGrids.INPAINTING);
  }

  private void memory() {
    if (nearest.isEmpty()) {
      return;
    }
    line("## Nearest training pictures");
    line("");
    header(
        List.of(
            "model",
            "steps",
            "w",
            "samples",
            "nearest, median",
            "nearest of all",
            "held-out pictures, median",
            "nearest of all",
            "samples nearer than 19 in 20 held-out pictures"));
    for (NearestMeasurement one : nearest) {
      row(
          List.of(
              one.model(),
              Integer.toString(one.steps()),
              Numbers.plain(one.guidance()),
              Integer.toString(one.samples().size()),
              Numbers.decimal(one.samples().get(one.samples().size() / 2)),
              Numbers.decimal(one.samples().getFirst()),
              Numbers.decimal(one.heldOut().get(one.heldOut().size() / 2)),
              Numbers.decimal(one.heldOut().getFirst()),
              Long.toString(one.tooNear())));
    }
    line("");
    line(
        "Distances in the scorer's features to the nearest of "
            + nearest.getFirst().trainingPictures()
            + " training pictures. Held-out pictures are of pairs of concept and style, or of concepts,"
            + " that were not learned from; a model that repeats training pictures comes nearer than they do.");
    line("");
    for (NearestMeasurement one : nearest) {
      plot(
          "Samples of " + one.model() + ", and below each the nearest training picture",
          NearestRun.file(one.model()));
    }
  }

  private void grids() {
    line("## The first captions");
    line("");
    Set<String> models = new LinkedHashSet<>();
    PictureRow.of(pictures).forEach(row -> models.add(row.isReal() ? "real" : row.first().model()));
    models.add("real");
    for (String model : models) {
      if (Files.exists(folder.resolve(PictureGrids.file(model)))) {
        line(model.equals("real") ? "The held-out pictures:" : model + ":");
        line("");
        plot("Pictures of the first captions, " + model, PictureGrids.file(model));
      }
    }
    if (Files.exists(folder.resolve(PictureGrids.NAMING))) {
      line(
          "Of the first captions in the order of the report, from the same noise. To choose captions"
              + " without having seen them: ["
              + PictureGrids.NAMING
              + "]("
              + PictureGrids.NAMING
              + "), and who is right: ["
              + PictureGrids.ANSWERS
              + "]("
              + PictureGrids.ANSWERS
              + ").");
      line("");
    }
  }

  private void how() {
    line("## How it was measured");
    line("");
    PictureScale scale = pictures.getFirst().scale();
    line("- Captions: " + scale.heldOut() + ", by their weights, the same order in every report.");
    line(
        "- References: "
            + scale.references()
            + " pictures each, of these and of "
            + scale.training()
            + ".");
    line(
        "- Features and caption score: "
            + scale.scorer()
            + ", SHA-256 `"
            + scale.scorerSha256()
            + "`.");
    list(
        "Pictures by",
        one ->
            one.made().device()
                + ", "
                + one.made().machine()
                + ", Halfstep "
                + one.made().version());
    line("- Weights, SHA-256 of all parameters:");
    Set<String> weights = new LinkedHashSet<>();
    pictures.stream()
        .filter(one -> !one.model().equals(PictureMeasurement.REAL))
        .forEach(one -> weights.add("  - " + one.model() + " `" + one.weights() + "`"));
    weights.forEach(this::line);
    Set<String> commands = new LinkedHashSet<>();
    pictures.forEach(one -> commands.add(one.made().command()));
    commands.add(origin.command());
    commands.forEach(command -> line("- Command: `" + command + "`"));
    line("- Every single number, with its seed and date: `" + PictureReport.RESULTS + "`.");
  }

  private void list(String title, Function<PictureMeasurement, String> value) {
    line(
        "- "
            + title
            + ": "
            + pictures.stream().map(value).distinct().collect(Collectors.joining("; "))
            + ", "
            + pictures.stream().map(one -> one.made().date()).min(String::compareTo).orElseThrow()
            + " to "
            + pictures.stream().map(one -> one.made().date()).max(String::compareTo).orElseThrow()
            + ".");
  }
}
