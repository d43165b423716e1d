package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.halfstep.cli.console.ErrorLine;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Machine;
import org.halfstep.cli.console.StopSignal;
import org.halfstep.cli.option.Bounds;
import org.halfstep.cli.option.DataOption;
import org.halfstep.cli.option.MemoryOption;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.cli.option.PrecisionOption;
import org.halfstep.data.CaptionedPictures;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.device.Owned;
import org.halfstep.files.AtomicFile;
import org.halfstep.metrics.CaptionScorer;
import org.halfstep.metrics.Quality;
import org.halfstep.model.ModelCard;
import org.halfstep.report.OrderedPictures;
import org.halfstep.report.Origin;
import org.halfstep.report.PicturePlan;
import org.halfstep.report.PictureReport;
import org.halfstep.report.ReportedLatent;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.SampleRequest;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Measures latent models of texts side by side and writes a page of evidence. */
@Command(
    name = "report-pictures",
    description = {
      "Measure models that draw pictures of texts side by side: FID, KID and agreement with held-out"
          + " captions, editing, inpainting, nearness to training pictures; and write a page with plots.",
      "What is measured is kept in the folder: the same command continues a report that was stopped."
    },
    footer = {
      "  halfstep report-pictures --data data/pictures --scorer out/scorer --out out/report-pictures",
      "  halfstep report-pictures --models out/teacher,out/student-4 --samples 200 \\",
      "    --teacher-samples 50 --seeds 0 --edits 20 --data data/pictures --scorer out/scorer"
    })
final class ReportPicturesCommand implements Callable<Integer> {
  private static final int MOST_SAMPLES = 1_000_000;
  private static final int CHANNELS = 3;

  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private DataOption data;
  @Mixin private MemoryOption memory;
  @Mixin private PrecisionOption precision;

  @Option(
      names = "--models",
      paramLabel = "FOLDER|NAME",
      split = ",",
      description = "Models of texts, the teacher first (default: those bundled).")
  private List<String> models;

  @Option(
      names = "--inpainting",
      paramLabel = "FOLDER|NAME",
      split = ",",
      description =
          "Networks that paint a part of a picture, measured beside the teacher (default: those"
              + " bundled).")
  private List<String> inpainting;

  @Option(
      names = "--scorer",
      required = true,
      paramLabel = "FOLDER",
      description = "The caption scorer that all is measured by: what train-caption-scorer wrote.")
  private Path scorer;

  @Option(
      names = "--samples",
      paramLabel = "N",
      defaultValue = "5000",
      description =
          "Pictures of each student, guidance strength and seed, and of the teacher at --sweep-steps"
              + " (default: 5,000).")
  private int samples;

  @Option(
      names = "--teacher-samples",
      paramLabel = "N",
      defaultValue = "1000",
      description =
          "Pictures of the teacher at other steps, at most --samples (default: 1,000); all are"
              + " compared on equally many.")
  private int teacherSamples;

  @Option(
      names = "--teacher-steps",
      paramLabel = "N",
      defaultValue = "256",
      description = "Steps of the teacher that students are compared with (default: 256).")
  private int teacherSteps;

  @Option(
      names = "--teacher-guidance",
      paramLabel = "W",
      split = ",",
      defaultValue = "1,4",
      description = "Its guidance strengths then, and at --evaluations (default: 1,4).")
  private List<Double> teacherGuidances;

  @Option(
      names = "--sweep-steps",
      paramLabel = "N",
      defaultValue = "16",
      description = "Steps of the teacher at every guidance strength (default: 16).")
  private int sweepSteps;

  @Option(
      names = "--evaluations",
      paramLabel = "N",
      split = ",",
      defaultValue = "2,4,8,16",
      description =
          "Network evaluations per picture at which the teacher is sampled with DDIM and"
              + " DPM-Solver++(2M), two for each step (default: 2,4,8,16).")
  private List<Integer> evaluations;

  @Option(
      names = {"--guidance", "-w"},
      paramLabel = "W",
      split = ",",
      defaultValue = "0,1,2,4,8",
      description = "Guidance strengths (default: 0,1,2,4,8).")
  private List<Double> guidances;

  @Option(
      names = "--seeds",
      paramLabel = "S",
      split = ",",
      defaultValue = "0,1,2",
      description = "Seeds of the noise; several give the numbers an error (default: 0,1,2).")
  private List<Long> seeds;

  @Option(
      names = "--edits",
      paramLabel = "N",
      defaultValue = "200",
      description = "Pictures that are edited and inpainted; 0 for none (default: 200).")
  private int edits;

  @Option(
      names = "--edit-steps",
      paramLabel = "N",
      defaultValue = "50",
      description =
          "Steps of the teacher in edits, inpainting and grids; students take their own (default:"
              + " 50).")
  private int editSteps;

  @Option(
      names = "--edit-guidance",
      paramLabel = "W",
      defaultValue = "4",
      description = "Guidance strength of edits, inpainting and grids (default: 4).")
  private double editGuidance;

  @Option(
      names = "--strengths",
      paramLabel = "S",
      split = ",",
      defaultValue = "0.25,0.5,0.75,1",
      description = "Strengths of the edits (default: 0.25,0.5,0.75,1).")
  private List<Double> strengths;

  @Option(
      names = "--nearest",
      paramLabel = "N",
      defaultValue = "100",
      description =
          "Samples of each model whose nearest training pictures are looked for; 0 for none"
              + " (default: 100).")
  private int nearest;

  @Option(
      names = "--redraw",
      description = "Measure nothing: draw page and plots again from what was measured.")
  private boolean redraw;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "out/report-pictures",
      description = "Where page, plots and results go (default: out/report-pictures).")
  private Path folder;

  @Override
  public Integer call() throws IOException {
    // Plots are drawn into memory: a machine without a display is as good.
    System.setProperty("java.awt.headless", "true");
    PrintWriter out = spec.commandLine().getOut();
    if (redraw) {
      try (PictureReport report = new PictureReport(folder, origin(""), out::println)) {
        out.println("wrote " + report.draw());
      }
      return 0;
    }
    PicturePlan plan = plan();
    AtomicFile.requireWritableFolder(folder);
    try (Owned owned = new Owned();
        StopSignal stop = new StopSignal(() -> out.println("stopping; what is measured is kept"))) {
      Device device = owned.add(halfstep.openDevice());
      ModelOptions options = memory.on(device).withPrecision(precision.on(device));
      List<ReportedLatent> opened = new ArrayList<>();
      open(owned, models == null ? bundled(false) : models, options, false, opened);
      if (opened.isEmpty()) {
        throw new InputException(
            "no models of texts are bundled with this build: name some with --models, the teacher"
                + " first");
      }
      List<ReportedLatent> painters = new ArrayList<>(opened);
      open(owned, inpainting == null ? bundled(true) : inpainting, options, true, painters);
      painters = painters.subList(opened.size(), painters.size());
      CaptionScorer judge = owned.add(CaptionScorer.open(device, scorer));
      OrderedPictures heldOut =
          pictures(owned, "held out", CaptionedPictures.heldOut(data.folder()), judge);
      OrderedPictures training = pictures(owned, "training", data.requireCaptioned(), judge);
      out.println("on " + device.name() + ", " + Machine.name());
      PictureReport report =
          owned.add(new PictureReport(folder, origin(device.name()), out::println));
      if (!report.measure(plan, opened, painters, heldOut, training, judge, stop)) {
        out.println("stopped; the same command continues");
        return ErrorLine.INTERRUPTED;
      }
      out.println("wrote " + report.draw());
      return 0;
    }
  }

  private Origin origin(String device) {
    return new Origin(
        Machine.name(), device, Halfstep.VERSION, ErrorLine.typed(spec.commandLine()));
  }

  private static List<String> bundled(boolean forInpainting) {
    return DiffusionModel.bundledLatentNames().stream()
        .filter(name -> name.contains("inpainting") == forInpainting)
        .toList();
  }

  /** Opens models beside those that are open. */
  private static void open(
      Owned owned,
      List<String> choices,
      ModelOptions options,
      boolean forInpainting,
      List<ReportedLatent> opened)
      throws IOException {
    for (String choice : choices) {
      DiffusionModel model = owned.add(ModelOption.openLatent(choice, options));
      if (!model.takesPrompts() || model.isInpainting() != forInpainting) {
        throw new InputException(
            choice
                + (forInpainting
                    ? ": was not made to paint a part of a picture; --models takes it"
                    : ": does not draw whole pictures of texts"));
      }
      if (model.card().role() == ModelCard.Role.GUIDED || model.card().encodes()) {
        throw new InputException(
            choice
                + ": is a network of stage one, or one that encodes; a report takes teachers and"
                + " students");
      }
      ReportedLatent reported = ReportedLatent.of(choice, model);
      if (opened.stream().anyMatch(other -> other.name().equals(reported.name()))) {
        throw new InputException(
            choice
                + ": another model is called \""
                + reported.name()
                + "\" as well; a report needs different names: rename one");
      }
      opened.add(reported);
    }
  }

  private OrderedPictures pictures(
      Owned owned, String kind, CaptionedPictures pictures, CaptionScorer judge)
      throws IOException {
    ImageDataset images = owned.add(data.open(pictures, judge.config().imageSize(), CHANNELS));
    return new OrderedPictures(data.name() + ", " + kind, pictures, images);
  }

  private PicturePlan plan() {
    Bounds.whole("--samples", samples, Quality.LEAST_SAMPLES, MOST_SAMPLES);
    Bounds.whole("--teacher-samples", teacherSamples, Quality.LEAST_SAMPLES, MOST_SAMPLES);
    Bounds.whole("--teacher-steps", teacherSteps, 1, SampleRequest.MOST_STEPS);
    Bounds.whole("--sweep-steps", sweepSteps, 1, SampleRequest.MOST_STEPS);
    Bounds.whole("--edit-steps", editSteps, 1, SampleRequest.MOST_STEPS);
    Bounds.whole("--edits", edits, 0, MOST_SAMPLES);
    Bounds.whole("--nearest", nearest, 0, MOST_SAMPLES);
    return new PicturePlan(
        samples,
        teacherSamples,
        teacherSteps,
        teacherGuidances,
        sweepSteps,
        evaluations,
        guidances,
        seeds,
        edits,
        editSteps,
        editGuidance,
        strengths,
        nearest);
  }
}
