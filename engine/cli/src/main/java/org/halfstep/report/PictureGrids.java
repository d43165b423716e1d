package org.halfstep.report;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.halfstep.files.AtomicFile;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;
import org.halfstep.sample.Edit;
import org.halfstep.sample.SampleRequest;

/**
 * Pictures that a report shows, chosen by seed and order and not by eye: the first captions drawn
 * by every model, edits at growing strength, inpainted pictures.
 */
final class PictureGrids {
  static final String EDITS = "edits.png";
  static final String INPAINTING = "inpainting.png";

  /** Names of a grid's pictures among others: who has not seen the captions chooses. */
  static final String NAMING = "naming.md";

  /** Who is right, by place. */
  static final String ANSWERS = "naming-answers.md";

  private static final int CAPTIONS = 24;
  private static final int COLUMNS = 12;
  private static final int LABELS = 100;
  private static final int ROWS = 6;
  private static final int PADDING = 2;
  private static final int SCALE = 2;

  private final PicturePlan plan;
  private final OrderedPictures heldOut;
  private final Origin origin;
  private final Path folder;

  PictureGrids(PicturePlan plan, OrderedPictures heldOut, Origin origin, Path folder) {
    this.plan = plan;
    this.heldOut = heldOut;
    this.origin = origin;
    this.folder = folder;
  }

  /** What a model's grid of the first captions is called. */
  static String file(String model) {
    return "grid-" + model + ".png";
  }

  /** The captions of a grid. */
  static List<String> captions(OrderedPictures heldOut) {
    int count = Math.min(CAPTIONS, heldOut.epoch());
    return IntStream.range(0, count).mapToObj(heldOut::caption).toList();
  }

  void draw(List<ReportedLatent> models, List<ReportedLatent> inpainting) throws IOException {
    List<String> captions = captions(heldOut);
    for (ReportedLatent model : models) {
      int steps = model.steps(plan.editSteps());
      write(
          file(model.name()),
          Math.min(COLUMNS, captions.size()),
          model.model().sample(request(model, captions, steps, 0)),
          Series.steps(steps));
    }
    write(
        file("real"),
        Math.min(COLUMNS, captions.size()),
        heldOut.batch(0, captions.size()),
        "the held-out pictures of the captions");
    naming(captions);
    edits(models);
    inpaint(models, inpainting);
  }

  private SampleRequest request(ReportedLatent model, List<String> captions, int steps, int first) {
    return model.request(
        captions, steps, model.nearest(plan.editGuidance()), plan.seeds().getFirst(), first);
  }

  /** Each row a picture, and its edits by the first student at growing strength. */
  private void edits(List<ReportedLatent> models) throws IOException {
    ReportedLatent model =
        models.stream().filter(one -> !one.isTeacher()).findFirst().orElse(models.getFirst());
    int steps = model.steps(plan.editSteps());
    List<ImageBatch> rows = new ArrayList<>();
    List<Double> strengths =
        plan.strengths().stream().filter(strength -> (int) (steps * strength) > 0).toList();
    if (strengths.isEmpty()) {
      return;
    }
    for (int i = 0; i < Math.min(ROWS, heldOut.epoch()); i++) {
      ImageBatch before = heldOut.batch(i, 1);
      rows.add(before);
      for (double strength : strengths) {
        SampleRequest request = request(model, List.of(heldOut.caption(i + 1)), steps, i);
        rows.add(model.model().sample(request.withEdit(Edit.of(before, strength))));
      }
    }
    write(
        EDITS,
        1 + strengths.size(),
        ImageBatch.concatenated(rows),
        model.name() + ": a picture, then edits of strengths " + strengths);
  }

  /** Each row a picture, its mask, and what each model painted. */
  private void inpaint(List<ReportedLatent> models, List<ReportedLatent> inpainting)
      throws IOException {
    List<ReportedLatent> painters = new ArrayList<>(inpainting);
    models.stream().filter(ReportedLatent::isTeacher).forEach(painters::add);
    List<ImageBatch> rows = new ArrayList<>();
    for (int i = 0; i < Math.min(ROWS, heldOut.epoch()) && !painters.isEmpty(); i++) {
      ImageBatch before = heldOut.batch(i, 1);
      boolean[] painted = EditRun.part(i, before.height(), before.width());
      rows.add(before);
      rows.add(greyed(before, painted));
      for (ReportedLatent model : painters) {
        SampleRequest request =
            request(model, List.of(heldOut.caption(i)), model.steps(plan.editSteps()), i);
        Edit edit = Edit.inpainting(before, EditRun.mask(before, painted));
        rows.add(model.model().sample(request.withEdit(edit)));
      }
    }
    if (!rows.isEmpty()) {
      write(
          INPAINTING,
          2 + painters.size(),
          ImageBatch.concatenated(rows),
          "a picture, what is given of it, then "
              + String.join(", ", painters.stream().map(ReportedLatent::name).toList()));
    }
  }

  private static ImageBatch greyed(ImageBatch picture, boolean... painted) {
    byte[] pixels = picture.pixels().clone();
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = painted[i / picture.channels()] ? (byte) 128 : pixels[i];
    }
    return new ImageBatch(1, picture.height(), picture.width(), picture.channels(), pixels);
  }

  private void write(String name, int columns, ImageBatch pictures, String rows)
      throws IOException {
    new ImageGrid(columns, PADDING, SCALE)
        .write(
            folder.resolve(name),
            pictures,
            Map.of(
                "Software",
                "Halfstep " + origin.version(),
                "Seed",
                Long.toString(plan.seeds().getFirst()),
                "Guidance",
                Numbers.plain(plan.editGuidance()),
                "Rows",
                rows));
  }

  /** Captions to choose from, in order of the alphabet, and a file of the right ones. */
  private void naming(List<String> captions) throws IOException {
    TreeSet<String> labels = new TreeSet<>(captions);
    for (int place = captions.size(); place < heldOut.epoch() && labels.size() < LABELS; place++) {
      labels.add(heldOut.caption(place));
    }
    StringBuilder text = new StringBuilder("# Which caption is whose?\n\n");
    text.append("Pictures of a grid, row by row, are of ").append(captions.size());
    text.append(" of these captions:\n\n");
    labels.forEach(label -> text.append("- ").append(label).append('\n'));
    write(NAMING, text);
    StringBuilder answers = new StringBuilder("# The captions of the grids, row by row\n\n");
    for (int i = 0; i < captions.size(); i++) {
      answers.append(i + 1).append(". ").append(captions.get(i)).append('\n');
    }
    write(ANSWERS, answers);
  }

  private void write(String name, StringBuilder text) throws IOException {
    AtomicFile.write(folder.resolve(name), text.toString().getBytes(StandardCharsets.UTF_8));
  }
}
