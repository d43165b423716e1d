package org.halfstep.report;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;

/** Images of every model from the same noise, two rows per model, one column per class. */
final class SampleGrid {
  static final String FILE = "samples.png";

  /** Key of the text entry that says what each row is. */
  static final String ROWS_TEXT = "Rows";

  private static final int ROWS = 2;
  private static final int PADDING = 2;
  private static final int SCALE = 3;
  private static final double GUIDANCE = 1;
  private static final long SEED = 0;

  private SampleGrid() {}

  /** Writes the picture, with what stands in it. */
  static void write(
      Path folder, List<ReportedModel> models, int teacherSteps, Map<String, String> text)
      throws IOException {
    List<ImageBatch> rows = new ArrayList<>();
    List<String> lines = new ArrayList<>();
    int columns = models.getFirst().model().classes();
    for (ReportedModel model : models) {
      int steps = model.hasOwnSteps() ? model.model().card().steps() : teacherSteps;
      double guidance = model.takes(GUIDANCE) ? GUIDANCE : model.model().defaultGuidance();
      rows.add(
          model
              .model()
              .sample(model.request(steps, guidance, SEED, 0, ROWS * model.model().classes())));
      lines.add(model.name() + ", " + Series.steps(steps) + ", w = " + Numbers.plain(guidance));
    }
    Map<String, String> all = new LinkedHashMap<>(text);
    all.put(ROWS_TEXT, ROWS + " rows each, seed " + SEED + ": " + String.join("; ", lines));
    new ImageGrid(columns, PADDING, SCALE)
        .write(folder.resolve(FILE), ImageBatch.concatenated(rows), all);
  }
}
