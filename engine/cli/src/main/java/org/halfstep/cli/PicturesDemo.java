package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.console.TextTable;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.diffusion.Guidance;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;
import org.halfstep.model.ModelCard;
import org.halfstep.report.TimeSummary;
import org.halfstep.sample.Condition;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.Edit;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.SampleRequest;

/**
 * The part of a demonstration that needs models of texts: the same prompts by every student, edits
 * of growing strength, an inpainted picture, and what a picture costs beside the guided teacher.
 */
final class PicturesDemo {
  private static final List<String> PROMPTS =
      List.of(
          "cat face",
          "rocket",
          "pizza, flat style",
          "house with garden",
          "sun with face, twemoji style",
          "tropical fish, blob style");

  /** What the first picture becomes. */
  private static final String EDITED = "dog face";

  private static final String PAINTED = "cat face, 3d style";
  private static final String PROMPTED = "pictures.png";
  private static final String EDITS = "pictures-edits.png";
  private static final String INPAINTED = "pictures-inpainted.png";
  private static final int TEACHER_STEPS = 256;
  private static final int TRIAL_STEPS = 2;
  private static final double STUDENT_SECONDS = 1;
  private static final int MOST_REPEATS = 25;
  private static final int PADDING = 2;
  private static final int SCALE = 2;
  private static final double GUIDANCE = 4;

  private final ModelOptions options;
  private final long seed;
  private final Path folder;
  private final PrintWriter out;
  private final TextTable times =
      new TextTable("model", "steps", "evaluations", "ms per picture", "speedup measured");

  /** What a picture of the teacher took, in milliseconds; NaN where it is not bundled. */
  private double teacherMilliseconds = Double.NaN;

  /**
   * @param options with the device, which stays the caller's
   * @param folder where the pictures go
   */
  PicturesDemo(ModelOptions options, long seed, Path folder, PrintWriter out) {
    this.options = options;
    this.seed = seed;
    this.folder = folder;
    this.out = out;
  }

  /** Draws and times what is bundled; nothing where nothing is. */
  void run() throws IOException {
    List<String> names = DiffusionModel.bundledLatentNames();
    if (names.isEmpty()) {
      return;
    }
    out.println();
    out.println("Pictures of texts, seed " + seed + ": " + String.join(" · ", PROMPTS));
    List<ImageBatch> rows = new ArrayList<>();
    List<String> drawn = new ArrayList<>();
    for (String name : names) {
      try (DiffusionModel model = ModelOption.openLatent(name, options)) {
        if (model.isInpainting()) {
          time(name, model, inpainting(model, rows.getFirst()));
        } else if (model.card().role() == ModelCard.Role.TEACHER) {
          teacher(name, model);
        } else {
          SampleRequest request = request(model, PROMPTS);
          rows.add(model.sample(request));
          drawn.add(name);
          time(name, model, request.slice(0, 1));
          if (rows.size() == 1) {
            edits(name, model, rows.getFirst());
          }
        }
      }
    }
    if (!rows.isEmpty()) {
      write(PROMPTED, PROMPTS.size(), ImageBatch.concatenated(rows), String.join("; ", drawn));
      out.println(
          "  a row of each of " + String.join(", ", drawn) + ": " + folder.resolve(PROMPTED));
    }
    out.println();
    times.print(out);
    out.flush();
  }

  private SampleRequest request(DiffusionModel model, List<String> prompts) {
    return model
        .request(Condition.prompts(prompts, ""))
        .withSeed(seed)
        .withGuidance(guidance(model));
  }

  private static double guidance(DiffusionModel model) {
    ModelCard card = model.card();
    return card.guidanceMax() == null
        ? GUIDANCE
        : Math.clamp(GUIDANCE, card.guidanceMin(), card.guidanceMax());
  }

  private void teacher(String name, DiffusionModel model) {
    SampleRequest request = request(model, PROMPTS.subList(0, 1));
    // Parts are opened, and memory is touched, before it counts.
    model.sample(request.withSteps(TRIAL_STEPS));
    SampleRequest whole = request.withSteps(TEACHER_STEPS);
    long start = System.nanoTime();
    model.sample(whole);
    teacherMilliseconds = (System.nanoTime() - start) / 1e6;
    row(name, model, whole, teacherMilliseconds);
  }

  private void time(String name, DiffusionModel model, SampleRequest request) {
    model.sample(request);
    List<Long> taken = new ArrayList<>();
    double spent = 0;
    while (spent < STUDENT_SECONDS && taken.size() < MOST_REPEATS) {
      long start = System.nanoTime();
      model.sample(request);
      taken.add(System.nanoTime() - start);
      spent += taken.getLast() / 1e9;
    }
    long[] all = taken.stream().mapToLong(Long::longValue).toArray();
    row(name, model, request, TimeSummary.of(all).median() / 1e6 / request.count());
  }

  private void row(String name, DiffusionModel model, SampleRequest request, double milliseconds) {
    times.row(
        name,
        Integer.toString(request.steps()),
        Long.toString(model.evaluations(request)),
        Sizes.decimal(milliseconds),
        Double.isNaN(teacherMilliseconds)
            ? "-"
            : String.format(Locale.ROOT, "%.1fx", teacherMilliseconds / milliseconds));
  }

  private void edits(String name, DiffusionModel model, ImageBatch pictures) throws IOException {
    ImageBatch before = pictures.first(1);
    int steps = model.card().steps();
    List<ImageBatch> row = new ArrayList<>(List.of(before));
    for (int k = 1; k <= steps; k++) {
      SampleRequest request = request(model, List.of(EDITED));
      row.add(model.sample(request.withEdit(Edit.of(before, (double) k / steps))));
    }
    write(EDITS, row.size(), ImageBatch.concatenated(row), name);
    out.println(
        "  \""
            + PROMPTS.getFirst()
            + "\" towards \""
            + EDITED
            + "\" at strengths k / "
            + steps
            + ": "
            + folder.resolve(EDITS));
  }

  /** Paints the middle of a picture anew; returns the request for its time. */
  private SampleRequest inpainting(DiffusionModel model, ImageBatch pictures) throws IOException {
    ImageBatch before = pictures.first(1);
    int height = before.height();
    int width = before.width();
    byte[] mask = new byte[height * width];
    byte[] given = before.pixels().clone();
    for (int y = height / 4; y < height - height / 4; y++) {
      for (int x = width / 4; x < width - width / 4; x++) {
        mask[y * width + x] = (byte) 255;
        for (int c = 0; c < before.channels(); c++) {
          given[(y * width + x) * before.channels() + c] = (byte) 128;
        }
      }
    }
    SampleRequest request =
        request(model, List.of(PAINTED))
            .withEdit(Edit.inpainting(before, new ImageBatch(1, height, width, 1, mask)));
    ImageBatch masked = new ImageBatch(1, height, width, before.channels(), given);
    List<ImageBatch> row = List.of(before, masked, model.sample(request));
    write(INPAINTED, row.size(), ImageBatch.concatenated(row), PAINTED);
    out.println("  the middle painted anew as \"" + PAINTED + "\": " + folder.resolve(INPAINTED));
    return request;
  }

  private void write(String name, int columns, ImageBatch pictures, String said)
      throws IOException {
    new ImageGrid(columns, PADDING, SCALE)
        .write(
            folder.resolve(name),
            pictures,
            Map.of(
                "Software",
                "Halfstep " + Halfstep.VERSION,
                "Seed",
                Long.toString(seed),
                "Guidance",
                Guidance.describe(GUIDANCE),
                "Rows",
                said));
  }
}
