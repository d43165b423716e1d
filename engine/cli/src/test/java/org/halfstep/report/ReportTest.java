package org.halfstep.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import javax.imageio.ImageIO;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.device.Owned;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Solver;
import org.halfstep.image.PngFile;
import org.halfstep.metrics.ClassifierExtractor;
import org.halfstep.metrics.ReferenceImages;
import org.halfstep.model.ClassifierCard;
import org.halfstep.model.ClassifierConfig;
import org.halfstep.model.Network;
import org.halfstep.model.TinyNetworks;
import org.halfstep.safetensors.Dtype;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.TinyModels;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A report of tiny models: measured, stopped, continued and drawn. */
class ReportTest {
  private Report open;

  private static final Origin ORIGIN = new Origin("a machine", "a device", "1", "halfstep report");
  private static final ReportPlan PLAN =
      new ReportPlan(60, 24, 4, 2, List.of(0.0, 1.0), List.of(3L, 4L));

  /** Two students at two w and two seeds, for 24 and 60 images each; a teacher's sweep and best. */
  private static final int MEASUREMENTS = 2 * 2 * 2 * 2 + 2 + 2;

  @TempDir Path folder;
  private final List<String> lines = new ArrayList<>();

  private interface Work {
    void with(List<ReportedModel> models, ClassifierExtractor extractor, ReferenceImages reference)
        throws IOException;
  }

  private void withModels(Work work) throws IOException {
    Path file = folder.resolve("classifier.safetensors");
    ClassifierConfig config = new ClassifierConfig(8, 1, 3, List.of(8, 16));
    try (Owned owned = new Owned();
        ImageDataset data = TinyNetworks.images(8, 50)) {
      Device device = owned.add(new CpuDevice());
      ModelOptions options = ModelOptions.standard().withDevice(device);
      List<ReportedModel> models = new ArrayList<>();
      for (Path path :
          List.of(
              TinyModels.teacher(folder.resolve("teacher.safetensors")),
              TinyModels.student(folder.resolve("two.safetensors"), 2),
              TinyModels.student(folder.resolve("one.safetensors"), 1))) {
        models.add(
            ReportedModel.of(
                path.getFileName().toString().replace(".safetensors", ""),
                owned.add(DiffusionModel.open(path, options))));
      }
      try (Network<ClassifierConfig, ClassifierCard> classifier =
          Network.fresh(
              device, config, new ClassifierCard("waves", List.of("a", "b", "c"), null), 1)) {
        classifier.save(file, classifier.card(), Dtype.F32);
      }
      ClassifierExtractor extractor = owned.add(ClassifierExtractor.load(device, file));
      work.with(models, extractor, ReferenceImages.of(extractor, data, "waves test"));
    }
  }

  /** Opens a report; the one that was open is closed, as its folder is its own until then. */
  private Report report(String name) throws IOException {
    close();
    open = new Report(folder.resolve(name), ORIGIN, lines::add);
    return open;
  }

  @AfterEach
  void close() {
    if (open != null) {
      open.close();
    }
  }

  @Test
  void twoReportsDoNotShareAFolder() throws IOException {
    report("one");
    IOException refused =
        assertThrows(
            IOException.class, () -> new Report(folder.resolve("one"), ORIGIN, lines::add));
    assertTrue(refused.getMessage().contains("another report is using"), refused.getMessage());
    report("one");
  }

  @Test
  void damagedResultsAreRefusedInOneLine() throws IOException {
    for (String text :
        new String[] {
          "",
          "{",
          "null",
          "[]",
          "{\"measurements\":[null],\"timings\":[]}",
          "{\"measurements\":null,\"timings\":[]}",
          "{\"measurements\":[{}],\"timings\":[]}",
          "{\"measurements\":[],\"timings\":[{\"steps\":1e400000000}]}",
          "{\"measurements\":[],\"timings\":[{}]}"
        }) {
      Path results = Files.createDirectories(folder.resolve("bad")).resolve(Report.RESULTS);
      Files.writeString(results, text);
      IOException refused =
          assertThrows(
              IOException.class,
              () -> new Report(folder.resolve("bad"), ORIGIN, lines::add).close(),
              text);
      assertTrue(refused.getMessage().startsWith(results + ": "), refused.getMessage());
      assertTrue(refused.getMessage().lines().count() == 1, refused.getMessage());
    }
  }

  private List<Measurement> results(String name) throws IOException {
    return new Results(folder.resolve(name).resolve(Report.RESULTS)).measurements();
  }

  @Test
  void aStoppedReportGoesOnWhereItWas() throws IOException {
    withModels(
        (models, extractor, reference) -> {
          assertTrue(report("whole").measure(PLAN, models, extractor, reference, () -> false));
          int[] asked = {0};
          BooleanSupplier afterSome = () -> ++asked[0] > 7;
          assertFalse(report("stopped").measure(PLAN, models, extractor, reference, afterSome));
          int before = results("stopped").size();
          assertTrue(before > 0 && before < MEASUREMENTS, before + " measurements");
          assertTrue(report("stopped").measure(PLAN, models, extractor, reference, () -> false));

          List<Measurement> whole = results("whole");
          List<Measurement> stopped = results("stopped");
          assertEquals(MEASUREMENTS, whole.size());
          assertEquals(
              whole.stream().map(Measurement::quality).toList(),
              stopped.stream().map(Measurement::quality).toList());
          lines.clear();
          assertTrue(report("stopped").measure(PLAN, models, extractor, reference, () -> false));
          assertEquals(List.of(), lines);
        });
  }

  @Test
  void thePageSaysWhatWasMeasured() throws IOException {
    withModels(
        (models, extractor, reference) -> {
          Report report = report("page");
          assertTrue(report.time(PLAN, models, 1, false, () -> false));
          assertTrue(report.measure(PLAN, models, extractor, reference, () -> false));
          report.drawSamples(PLAN, models);
          Path page = report.draw(true);
          String text = Files.readString(page);
          assertTrue(text.contains("FID (waves classifier)"), text);
          assertTrue(text.contains(extractor.sha256()), text);
          assertTrue(text.contains("Reference: waves test, 50 images"), text);
          assertTrue(text.contains("`halfstep report`"), text);
          // Four guided steps against one: steps, evaluations.
          assertTrue(
              text.lines()
                  .anyMatch(
                      line ->
                          // At w = 0 the teacher costs half.
                          line.matches(
                              "\\| one \\| 1 \\| 1 \\| .* \\| 4.00x \\| (4.00x \\| [^|]* \\| 0|8.00x \\| [^|]* \\| 1)"
                                  + " \\| .*")),
              text);
          assertTrue(text.contains("## All guidance strengths, 60 images"), text);
          assertTrue(text.contains("at the w that was best with 2 steps, among 0, 1."), text);
          for (String plot :
              List.of(Plots.FID, Plots.INCEPTION_SCORE, Plots.TRADE_OFF, Plots.TIME, Plots.COST)) {
            assertTrue(text.contains("(" + plot + ")"), plot);
            assertTrue(ImageIO.read(page.resolveSibling(plot).toFile()).getWidth() > 100, plot);
          }
          Path grid = page.resolveSibling(SampleGrid.FILE);
          assertTrue(PngFile.text(grid).get("Rows").contains("teacher, 4 steps, w = 1; two, 2"));

          Files.delete(page.resolveSibling(Plots.FID));
          assertEquals(page, report("page").draw(true));
          assertEquals(text, Files.readString(page));
          assertTrue(Files.exists(page.resolveSibling(Plots.FID)));
          assertTrue(text.contains("## Targets"), text);
          report("page").draw(false);
          assertFalse(Files.readString(page).contains("## Targets"), "targets unasked");
        });
  }

  @Test
  void thePapersTablesAreOfEveryRowMeasuredOnce() throws IOException {
    ReportPlan plan = new ReportPlan(24, 24, 4, 4, List.of(0.0, 1.0), List.of(3L, 4L), List.of(3));
    withModels(
        (models, extractor, reference) -> {
          List<ReportedModel> all = new ArrayList<>(models);
          try (Owned owned = new Owned()) {
            ModelOptions options =
                ModelOptions.standard().withDevice(models.getFirst().model().device());
            for (Path path :
                List.of(
                    TinyModels.stochastic(folder.resolve("stochastic.safetensors"), 2),
                    TinyModels.singleW(folder.resolve("single.safetensors"), 2, 1),
                    TinyModels.naive(folder.resolve("naive.safetensors"), 2))) {
              all.add(
                  ReportedModel.of(path.toString(), owned.add(DiffusionModel.open(path, options))));
            }
            assertTrue(report("paper").measure(plan, all, extractor, reference, () -> false));
            List<Measurement> made = results("paper");
            // Two w and seeds: four students of all w, a single w, teacher at 4 steps, four
            // solvers.
            assertEquals(2 * 2 * 4 + 2 + 2 * 2 + 2 * 2 * 4, made.size());
            assertEquals(
                List.of(ModelKind.values()),
                made.stream().map(Measurement::kind).distinct().sorted().toList());
            assertEquals(8, made.stream().filter(one -> one.sampler() == Solver.HEUN).count() * 2);
            lines.clear();
            assertTrue(report("paper").measure(plan, all, extractor, reference, () -> false));
            assertEquals(List.of(), lines, "nothing is measured twice");
          }
          Path page = report("paper").drawPaper();
          String text = Files.readString(page);
          for (String row :
              List.of(
                  "| 1 step, D / S | ",
                  "| 2 steps, D / S | ",
                  "| single w, 2 steps | – | ",
                  "| naive, 2 steps | ",
                  "| teacher, DDPM, 3 steps | ",
                  "| teacher, DPM-Solver++(2M), 3 steps | ",
                  "| teacher, Heun, 2 steps (3 evaluations) | ",
                  "| teacher, DDIM, 3 steps | ",
                  "| teacher, DDIM, 4 steps | ")) {
            assertTrue(text.lines().anyMatch(line -> line.startsWith(row)), row + text);
          }
          for (double w : new double[] {0, 1}) {
            Path plot = page.resolveSibling(PaperPlots.file(w));
            assertTrue(ImageIO.read(plot.toFile()).getWidth() > 100);
          }
          String whole = Files.readString(report("paper").draw(true));
          assertTrue(whole.contains("| teacher, Heun | 2 | "), whole);
          assertTrue(
              whole.contains("teacher, 4 steps") || whole.contains("| teacher | 4 |"), whole);
        });
  }

  @Test
  void whatIsTimedForThePaper() throws IOException {
    withModels(
        (models, _, _) -> {
          ReportPlan plan =
              new ReportPlan(24, 24, 4, 4, List.of(0.0, 1.0), List.of(3L), List.of(3));
          List<String> timed =
              plan.timed(models).stream()
                  .map(
                      one ->
                          one.model().name()
                              + Series.by(one.sampler())
                              + " "
                              + one.steps()
                              + (one.unguided() ? " at w = 0" : ""))
                  .toList();
          assertEquals(
              List.of(
                  "teacher 4",
                  "teacher 4 at w = 0",
                  "teacher, DDPM 3",
                  "teacher, DDPM 3 at w = 0",
                  "teacher 3",
                  "teacher 3 at w = 0",
                  "teacher, DPM-Solver++(2M) 3",
                  "teacher, DPM-Solver++(2M) 3 at w = 0",
                  "teacher, Heun 2",
                  "teacher, Heun 2 at w = 0",
                  "two 2",
                  "one 1"),
              timed);
        });
  }

  @Test
  void timesAreTakenOncePerDevice() throws IOException {
    withModels(
        (models, extractor, reference) -> {
          assertTrue(report("time").time(PLAN, models, 1, false, () -> false));
          List<Timing> first =
              new Results(folder.resolve("time").resolve(Report.RESULTS)).timings();
          // Teacher with two numbers of steps, with and without guidance, and two students, each
          // with
          // two batches.
          assertEquals(12, first.size());
          for (Timing one : first) {
            assertTrue(one.least() <= one.milliseconds(), one.toString());
            assertTrue(one.milliseconds() <= one.p90() && one.p90() <= one.p99(), one.toString());
            assertEquals(1, one.rounds().size());
            assertTrue(one.runs() >= 1 && one.loadBefore() >= 0 && one.loadAfter() >= 0);
          }
          lines.clear();
          assertTrue(report("time").time(PLAN, models, 1, false, () -> false));
          assertEquals(List.of(), lines);
          assertFalse(report("time").time(PLAN, models, 1, true, () -> true));
        });
  }

  @Test
  void damagedResultsAndNoneAtAll() throws IOException {
    Path results = folder.resolve("bad").resolve(Report.RESULTS);
    Files.createDirectories(results.getParent());
    Files.writeString(results, "{\"measurements\": [");
    IOException damaged = assertThrows(IOException.class, () -> report("bad"));
    assertTrue(damaged.getMessage().startsWith(results + ": is damaged"), damaged.getMessage());
    Report empty = report("empty");
    assertThrows(IllegalArgumentException.class, () -> empty.draw(true));
  }
}
