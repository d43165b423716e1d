package org.halfstep.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.console.StoppableRun;
import org.halfstep.cli.option.Bounds;
import org.halfstep.cli.option.DataOption;
import org.halfstep.cli.option.MemoryOption;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.cli.option.PrecisionOption;
import org.halfstep.cli.option.ResumeOption;
import org.halfstep.cli.option.Settings;
import org.halfstep.cli.option.SettingsOptions;
import org.halfstep.cli.option.UpdateOptions;
import org.halfstep.cli.option.WatchOptions;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.diffusion.HalvingSchedule;
import org.halfstep.distill.DistillationRun;
import org.halfstep.distill.DistillationSettings;
import org.halfstep.distill.StudentKind;
import org.halfstep.files.AtomicFile;
import org.halfstep.graph.Graph;
import org.halfstep.graph.LeastMemory;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.ModelCard;
import org.halfstep.model.UNetConfig;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.SampleRequest;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Distills a teacher into students. */
@Command(
    name = "distill",
    description = {
      "Distill a teacher in two stages: guidance into one evaluation, then 2N steps into N, again and again.",
      "The same command continues a run that was stopped."
    },
    footer = {
      "  halfstep distill --teacher out/teacher/teacher.safetensors --out out/students",
      "  halfstep distill --encoder --teacher out/teacher/teacher.safetensors --out out/encoders",
      "  halfstep distill --teacher stable-diffusion-v1-5 --data pictures --stages 8,4,2,1"
    })
final class DistillCommand implements Callable<Integer> {
  private static final String SECTION = "distillation";

  /** Steps of the teacher that encoders begin with, and of the last encoder: those of the paper. */
  private static final int ENCODER_STEPS = 512;

  private static final int LAST_ENCODER_STEPS = 4;

  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private DataOption data;
  @Mixin private SettingsOptions settingsOptions;
  @Mixin private UpdateOptions updateOptions;
  @Mixin private ResumeOption resume;
  @Mixin private WatchOptions watch;
  @Mixin private PrecisionOption precision;
  @Mixin private MemoryOption memory;

  @Option(
      names = "--teacher",
      paramLabel = "PATH",
      defaultValue = "out/teacher/teacher.safetensors",
      description =
          "A teacher, or a stage-one model to begin with stage two: a file of ours, or the folder or file of a"
              + " latent model such as Stable Diffusion (default: out/teacher/teacher.safetensors).")
  private Path teacher;

  @Option(
      names = "--from",
      paramLabel = "PATH",
      description =
          "Begin a student with the weights of this model of an earlier run in place of its teacher's: a stage-one"
              + " model begins stage one, a student of N steps the halving to N. The optimizer's moments begin at"
              + " zero, and the rate rises over 100 updates.")
  private Path from;

  @Option(
      names = "--steps",
      paramLabel = "N",
      description = "Steps of the first halving's teacher, a power of two.")
  private Integer steps;

  @Option(
      names = "--last-steps",
      paramLabel = "N",
      description = "Steps of the last student, a power of two.")
  private Integer lastSteps;

  @Option(
      names = "--stages",
      paramLabel = "N,...",
      description =
          "Steps of the students in turn, each half of the one before, such as 8,4,2,1: short for --steps 16"
              + " --last-steps 1.")
  private String stages;

  @Option(
      names = "--guidance-range",
      split = ",",
      arity = "1",
      paramLabel = "W",
      description =
          "Least and greatest guidance strength w that students take, such as 2,14; the guidance scale of other"
              + " programs is w + 1.")
  private List<Double> range = List.of();

  @Option(
      names = "--encoder",
      description =
          "Distill encoders, which take images to noise, in place of students that make them: w = 0, from 512 to 4"
              + " steps unless other options say so.")
  private boolean encoder;

  @Option(
      names = "--image-size",
      paramLabel = "N",
      description =
          "Of a latent model: side of the pictures that it is distilled on (default: what it was made for).")
  private Integer imageSize;

  @Option(
      names = "--latents",
      paramLabel = "FILE",
      description =
          "Of a latent model: where latents of the pictures are kept; made where they are not there yet"
              + " (default: latents.safetensors in --out).")
  private Path latents;

  @Option(
      names = "--recompute",
      arity = "0..1",
      fallbackValue = "true",
      paramLabel = "true|false",
      description =
          "Of a latent model: run blocks of the network again on the way back instead of keeping them: much less"
              + " memory, a third more work, the same numbers.")
  private Boolean recompute;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "out/students",
      description =
          "Where checkpoints, config.json, guided.safetensors and student-N.safetensors, or the folders guided and"
              + " student-N, go (default: out/students).")
  private Path folder;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    AtomicFile.requireWritableFolder(folder);
    if (Checkpoint.matches(teacher)) {
      return onLatents(out);
    }
    requireNoLatents();
    if (!Files.isRegularFile(teacher)) {
      throw new InputException(
          teacher
              + ": there is no such file; train a teacher first (halfstep train), or name one with --teacher");
    }
    Settings given = settings();
    try (Device device = halfstep.openDevice()) {
      data.completeMirror(given, SECTION + ".mirror", folder, data.hasCaptions(), out);
      precision.complete(
          given, device, SECTION + ".guided.precision", SECTION + ".halving.precision");
      DistillationSettings settings = given.section(SECTION, DistillationSettings.class);
      UNetConfig network;
      ModelCard card;
      try (DiffusionModel model = ModelOption.open(teacher.toString(), memory.on(device))) {
        network = model.config();
        card = model.card();
        out.println(ModelOption.describe(model, teacher.toString()) + " on " + device.name());
      }
      requireGuidable(network, card, settings.kind());
      try (ImageDataset images =
          data.open(network.imageSize(), network.inChannels(), classes(network, card))) {
        ObjectNode config = Settings.JSON.createObjectNode();
        config.put("halfstep", Halfstep.VERSION);
        config.put("command", "distill");
        config
            .putObject("from")
            .put("file", teacher.toString())
            .put("sha256", ModelOption.checksum(teacher.toString()));
        if (from != null) {
          config
              .putObject("begun")
              .put("file", from.toString())
              .put("sha256", ModelOption.checksum(from.toString()));
        }
        config.set("data", data.describe(images));
        config.set(SECTION, Settings.JSON.valueToTree(settings));
        describe(out, device, network, settings);
        data.note(images, out);
        RunFolder.claim(folder, config);
        Optional<ImageDataset> held = watch.open(data, images);
        try (ImageDataset _ = held.orElse(null)) {
          return StoppableRun.run(
              out,
              folder,
              settings.totalUpdates(),
              watch.watch(device, held, folder),
              (listener, stop) ->
                  DistillationRun.run(
                      device,
                      teacher,
                      memory.bytes(),
                      images,
                      settings,
                      from,
                      folder,
                      resume.resume(),
                      listener,
                      stop));
        }
      }
    }
  }

  private int onLatents(PrintWriter out) throws IOException {
    watch.requireNone("latent models");
    String section = LatentDistillation.SECTION;
    try (Checkpoint checkpoint = Checkpoint.open(teacher, CheckpointOptions.standard())) {
      Settings given = settingsOptions.read(LatentDistillation.preset(checkpoint));
      String students = section + ".students";
      override(given, students);
      given.override(section, "recompute", recompute);
      try (Device device = halfstep.openDevice()) {
        return new LatentDistillation(
                device,
                given,
                checkpoint,
                data,
                imageSize,
                latents,
                precision,
                memory.bytes(),
                from,
                folder,
                resume.resume(),
                out)
            .run();
      }
    }
  }

  private void requireNoLatents() {
    if (imageSize != null || latents != null || recompute != null) {
      throw new InputException(
          (imageSize != null ? "--image-size" : latents != null ? "--latents" : "--recompute")
              + ": is for latent models, and "
              + teacher
              + " is none");
    }
  }

  /** Lays what the options say over the settings of students. */
  private void override(Settings given, String section) {
    updateOptions.override(given, section, "guided.", "halving.");
    given.override(section, "updatesForFewSteps", updateOptions.updates());
    if (encoder) {
      given.override(section, "kind", StudentKind.ENCODER);
      given.override(section, "guidance.min", 0);
      given.override(section, "guidance.max", 0);
      given.override(section, "teacherSteps", ENCODER_STEPS);
      given.override(section, "lastSteps", LAST_ENCODER_STEPS);
    }
    given.override(section, "teacherSteps", steps);
    given.override(section, "lastSteps", lastSteps);
    if (stages != null) {
      List<Integer> numbers = numbers(stages);
      given.override(section, "teacherSteps", 2 * numbers.getFirst());
      given.override(section, "lastSteps", numbers.getLast());
    }
    if (!range.isEmpty()) {
      if (range.size() != 2) {
        throw new InputException(
            "--guidance-range: expected the least and the greatest w, such as 2,14; got "
                + range.size()
                + " numbers");
      }
      given.override(section, "guidance.min", range.getFirst());
      given.override(section, "guidance.max", range.getLast());
    }
  }

  /** The classes that labels of the data are to be the numbers of. */
  private static List<String> classes(UNetConfig network, ModelCard card) {
    return network.isConditional() ? card.classNames() : List.of();
  }

  private void requireGuidable(UNetConfig network, ModelCard card, StudentKind kind) {
    if (card.hasOwnSteps()) {
      throw new InputException(
          teacher
              + ": is "
              + (card.encodes() ? "an encoder" : "a student")
              + " of "
              + card.steps()
              + " steps; distillation starts from a teacher");
    }
    if (kind != StudentKind.ENCODER && !card.takesGuidance() && !network.nullLabel()) {
      throw new InputException(
          teacher + ": has no null label; distillation needs a teacher trained with label dropout");
    }
  }

  private Settings settings() throws IOException {
    Settings settings = settingsOptions.read();
    override(settings, SECTION);
    return settings;
  }

  private static void describe(
      PrintWriter out, Device device, UNetConfig network, DistillationSettings settings) {
    int guided = settings.guided().rows();
    DataType type = settings.guided().precision();
    Graph teacher = network.graph();
    boolean takesGuidance = settings.kind() != StudentKind.NAIVE;
    Graph student =
        takesGuidance ? network.withGuidance(settings.guidanceEmbedDim()).graph() : teacher;
    // Stage one evaluates the teacher with and without label.
    PlanOptions learning = PlanOptions.training(guided, settings.seed()).withType(type);
    PlanOptions teaching = PlanOptions.inference(2 * guided).withType(type);
    LeastMemory.require(device, student, learning);
    LeastMemory.require(device, teacher, teaching);
    long plans =
        Plan.requiredBytes(device, student, learning)
            + Plan.requiredBytes(device, teacher, teaching);
    out.println(
        "students: "
            + Sizes.whole(student.parameterCount())
            + " parameters; plans "
            + Sizes.bytes(plans)
            + " for a batch of "
            + guided);
    out.println(stages(settings));
    Bounds.memory(device, plans, "distilling with a batch of " + guided);
  }

  /** The steps of students in turn. */
  private static List<Integer> numbers(String stages) {
    List<Integer> numbers = new ArrayList<>();
    for (String number : stages.split(",", -1)) {
      try {
        int steps =
            Bounds.whole("--stages", Long.parseLong(number.strip()), 1, SampleRequest.MOST_STEPS);
        if (!numbers.isEmpty() && numbers.getLast() != 2L * steps) {
          throw new InputException(
              "--stages: each number of steps must be half of the one before, got "
                  + numbers.getLast()
                  + " and then "
                  + steps);
        }
        numbers.add(steps);
      } catch (NumberFormatException none) {
        throw new InputException(
            "--stages: expected numbers of steps, such as 8,4,2,1, got \"" + stages + "\"", none);
      }
    }
    return numbers;
  }

  /** Both stages of a distillation in one line, for people. */
  static String stages(DistillationSettings settings) {
    HalvingSchedule schedule = settings.schedule();
    String beginning =
        switch (settings.kind()) {
          case null ->
              "stage one: "
                  + Sizes.count(settings.guided().updates(), "update")
                  + " for w from "
                  + settings.guidance().min()
                  + " to "
                  + settings.guidance().max()
                  + "; stage two: ";
          case ENCODER -> "encoders, at w = 0: ";
          case NAIVE -> "naive students, with and without label as often: ";
        };
    return beginning
        + Sizes.count(schedule.stages(), "halving")
        + " from "
        + schedule.teacherSteps()
        + " to "
        + Sizes.count(schedule.lastSteps(), "step")
        + ", "
        + Sizes.count(schedule.totalUpdates(), "update");
  }
}
