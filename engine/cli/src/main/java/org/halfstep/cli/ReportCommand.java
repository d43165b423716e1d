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
import org.halfstep.cli.option.ComparedClasses;
import org.halfstep.cli.option.DataOption;
import org.halfstep.cli.option.ExtractorOption;
import org.halfstep.cli.option.MemoryOption;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.data.DatasetOptions;
import org.halfstep.data.ImageDataset;
import org.halfstep.data.Split;
import org.halfstep.device.Device;
import org.halfstep.device.Owned;
import org.halfstep.files.AtomicFile;
import org.halfstep.metrics.FeatureExtractor;
import org.halfstep.metrics.Quality;
import org.halfstep.metrics.ReferenceImages;
import org.halfstep.model.ModelCard;
import org.halfstep.report.Origin;
import org.halfstep.report.Report;
import org.halfstep.report.ReportPlan;
import org.halfstep.report.ReportedModel;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.SampleRequest;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Measures models side by side and writes a page of evidence. */
@Command(
    name = "report",
    description = {
      "Measure models side by side, quality and time, and write a page with plots.",
      "What is measured is kept in the folder: the same command continues a report that was stopped."
    },
    footer = {
      "  halfstep report --out out/report",
      "  halfstep report --samples 5000 --teacher-samples 2000 --sweep-steps 64 \\",
      "    --seeds 0,1,2 --out out/full"
    })
final class ReportCommand implements Callable<Integer> {
  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private DataOption data;
  @Mixin private ExtractorOption extractorOption;
  @Mixin private MemoryOption memory;

  @Option(
      names = "--models",
      paramLabel = "FILE|NAME",
      split = ",",
      description = "Models, the teacher first (default: those bundled).")
  private List<String> models;

  @Option(
      names = "--samples",
      paramLabel = "N",
      defaultValue = "1000",
      description = "Images of each student, guidance strength and seed (default: 1000).")
  private int samples;

  @Option(
      names = "--teacher-samples",
      paramLabel = "N",
      defaultValue = "200",
      description =
          "Images of a teacher, at most --samples (default: 200); students are compared with it on equally many.")
  private int teacherSamples;

  @Option(
      names = "--teacher-steps",
      paramLabel = "N",
      defaultValue = "256",
      description = "Steps of the teacher that students are compared with (default: 256).")
  private int teacherSteps;

  @Option(
      names = "--sweep-steps",
      paramLabel = "N",
      defaultValue = "16",
      description =
          "Steps at which the teacher's best guidance strength is found, at most --teacher-steps (default: 16).")
  private int sweepSteps;

  @Option(
      names = {"--guidance", "-w"},
      paramLabel = "W",
      split = ",",
      defaultValue = "0,0.5,1,2,4",
      description = "Guidance strengths (default: 0,0.5,1,2,4).")
  private List<Double> guidances;

  @Option(
      names = "--seeds",
      paramLabel = "S",
      split = ",",
      defaultValue = "0",
      description = "Seeds of the noise; several give the numbers an error (default: 0).")
  private List<Long> seeds;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "3",
      description = "Turns of each model when time is taken; 0 leaves time out (default: 3).")
  private int rounds;

  @Option(
      names = "--retime",
      description = "Take the time again, on a machine that is quiet now; quality is kept.")
  private boolean retime;

  @Option(
      names = "--redraw",
      description = "Measure nothing: draw page and plots again from what was measured.")
  private boolean redraw;

  @Option(
      names = "--targets",
      description = "Compare on the page with what distillation of the bundled kind should reach.")
  private boolean targets;

  @Option(
      names = "--paper",
      description =
          "Also the tables of the paper, paper.md: the teacher at --teacher-steps and other solvers at --evaluations at"
              + " every w and seed, students of both chains side by side, ablations, and what each costs at the same w.")
  private boolean paper;

  @Option(
      names = "--evaluations",
      paramLabel = "N",
      split = ",",
      defaultValue = "16,8",
      description =
          "With --paper: evaluations without guidance at which the teacher is sampled by DDPM, DDIM, DPM-Solver++(2M) and"
              + " Heun (default: 16,8).")
  private List<Integer> evaluations;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "out/report",
      description = "Where page, plots and results go (default: out/report).")
  private Path folder;

  @Override
  public Integer call() throws IOException {
    // Plots are drawn into memory: a machine without a display is as good.
    System.setProperty("java.awt.headless", "true");
    PrintWriter out = spec.commandLine().getOut();
    if (redraw) {
      Origin origin =
          new Origin(Machine.name(), "", Halfstep.VERSION, ErrorLine.typed(spec.commandLine()));
      try (Report report = new Report(folder, origin, out::println)) {
        draw(out, report);
      }
      return 0;
    }
    ReportPlan plan = plan();
    AtomicFile.requireWritableFolder(folder);
    try (Owned owned = new Owned()) {
      Device device = owned.add(halfstep.openDevice());
      List<ReportedModel> opened = new ArrayList<>();
      for (String choice : models == null ? DiffusionModel.bundledNames() : models) {
        DiffusionModel model = owned.add(ModelOption.open(choice, memory.on(device)));
        if (model.card().encodes()) {
          throw new InputException(
              choice + ": is an encoder, which makes no images; see 'halfstep transfer'");
        }
        if (model.card().role() == ModelCard.Role.GUIDED) {
          throw new InputException(
              choice
                  + ": is a network of stage one, which has no number of steps of its own; a report takes teachers and"
                  + " students");
        }
        add(opened, ReportedModel.of(choice, model), choice);
      }
      if (opened.isEmpty()) {
        throw new InputException(
            "no models are bundled with this build: name some with --models, the teacher first");
      }
      Origin origin =
          new Origin(
              Machine.name(), device.name(), Halfstep.VERSION, ErrorLine.typed(spec.commandLine()));
      out.println("on " + device.name() + ", " + Machine.name());
      Report report = owned.add(new Report(folder, origin, out::println));
      return run(out, plan, opened, device, report);
    }
  }

  /** Tables know models by their names, and by their folders' where these are the same. */
  private static void add(List<ReportedModel> opened, ReportedModel one, String choice) {
    ReportedModel model = one;
    Path inFolder = Path.of(choice).getParent();
    if (isCalled(opened, model.name()) && inFolder != null && inFolder.getFileName() != null) {
      model = model.withName(inFolder.getFileName() + "/" + model.name());
    }
    if (isCalled(opened, model.name())) {
      throw new InputException(
          choice
              + ": another model is called \""
              + model.name()
              + "\" as well; a report needs different file names: rename one");
    }
    opened.add(model);
  }

  private static boolean isCalled(List<ReportedModel> opened, String name) {
    return opened.stream().anyMatch(other -> other.name().equals(name));
  }

  /** What can be refused is refused before anything is measured. */
  private int run(
      PrintWriter out, ReportPlan plan, List<ReportedModel> opened, Device device, Report report)
      throws IOException {
    DiffusionModel first = opened.getFirst().model();
    int side = first.config().imageSize();
    int channels = first.config().inChannels();
    DatasetOptions options = DatasetOptions.of(Split.TEST).withSize(side, side, channels);
    try (ImageDataset test = data.open(options);
        FeatureExtractor extractor = extractorOption.open(device, out);
        StopSignal stop = new StopSignal(() -> out.println("stopping; what is measured is kept"))) {
      ExtractorOption.requireSuited(extractor, side, side, channels);
      ComparedClasses.check(first.classNames(), test, data.folder(), "--data", data.isGiven(), out);
      data.note(test, out);
      boolean done = rounds == 0 || report.time(plan, opened, rounds, retime, stop);
      done = done && report.measure(plan, opened, extractor, reference(extractor, test), stop);
      if (!done) {
        out.println("stopped; the same command continues");
        return ErrorLine.INTERRUPTED;
      }
      report.drawSamples(plan, opened);
      draw(out, report);
      return 0;
    }
  }

  private void draw(PrintWriter out, Report report) throws IOException {
    out.println("wrote " + report.draw(targets));
    if (paper) {
      out.println("wrote " + report.drawPaper());
    }
  }

  private ReferenceImages reference(FeatureExtractor extractor, ImageDataset test)
      throws IOException {
    return ReferenceImages.of(
        extractor,
        test,
        data.name() + " test images (CRC-32 " + data.describe(test).get("crc32").textValue() + ")");
  }

  private ReportPlan plan() {
    Bounds.images("--samples", samples);
    Bounds.images("--teacher-samples", teacherSamples);
    Bounds.whole("--teacher-steps", teacherSteps, 1, SampleRequest.MOST_STEPS);
    Bounds.whole("--sweep-steps", sweepSteps, 1, SampleRequest.MOST_STEPS);
    int fewest = Math.min(samples, teacherSamples);
    if (fewest < Quality.LEAST_SAMPLES) {
      throw new InputException(
          "image metrics need at least " + Quality.LEAST_SAMPLES + " samples, got " + fewest);
    }
    Bounds.whole("--rounds", rounds, 0, 1000);
    if (!paper) {
      return new ReportPlan(samples, teacherSamples, teacherSteps, sweepSteps, guidances, seeds);
    }
    for (int number : evaluations) {
      Bounds.whole("--evaluations", number, 1, SampleRequest.MOST_STEPS);
    }
    return new ReportPlan(
        samples, teacherSamples, teacherSteps, teacherSteps, guidances, seeds, evaluations);
  }
}
