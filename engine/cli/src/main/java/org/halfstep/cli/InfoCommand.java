package org.halfstep.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.halfstep.cli.console.Machine;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.option.MemoryOption;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.device.Device;
import org.halfstep.device.DevicePart;
import org.halfstep.device.Devices;
import org.halfstep.diffusion.Betas;
import org.halfstep.diffusion.Guidance;
import org.halfstep.graph.FrozenWeights;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.ModelCard;
import org.halfstep.sample.Condition;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.SampleRequest;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Says what a model is, and what this machine runs it with. */
@Command(
    name = "info",
    description = "Show this machine, the native libraries, and what a model is.",
    footer = "  halfstep info --model fashion-mnist-4")
final class InfoCommand implements Callable<Integer> {
  private static final int[] BATCHES = {1, 16};
  private static final String LINE = "%-14s %s%n";

  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private ModelOption model;
  @Mixin private MemoryOption memory;

  @Override
  public Integer call() {
    PrintWriter out = spec.commandLine().getOut();
    try (Device device = halfstep.openDevice()) {
      out.printf(Locale.ROOT, LINE, "halfstep", Halfstep.VERSION);
      out.printf(Locale.ROOT, LINE, "machine", Machine.name());
      out.printf(Locale.ROOT, LINE, "device", device.name());
      out.printf(
          Locale.ROOT, LINE, "java", Runtime.version() + " in " + System.getProperty("java.home"));
      for (DevicePart part : device.parts()) {
        out.printf(Locale.ROOT, LINE, part.name(), part.description());
      }
      if (halfstep.deviceName().equals(Devices.AUTO)) {
        Devices.backends().stream()
            .takeWhile(backend -> !device.name().startsWith(backend.name()))
            .forEach(
                better ->
                    out.printf(
                        Locale.ROOT,
                        LINE,
                        better.name(),
                        better
                            .problem()
                            .map(problem -> first(problem, better.name()))
                            .orElse("one works now; run this again")));
      }
      List<String> bundled = new ArrayList<>(DiffusionModel.bundledNames());
      bundled.addAll(DiffusionModel.bundledLatentNames());
      out.printf(
          Locale.ROOT,
          LINE,
          "bundled",
          bundled.isEmpty() ? "no models" : String.join(", ", bundled));
      if (model.isGiven()) {
        String choice = model.orBundled();
        try (DiffusionModel opened = ModelOption.openAny(choice, memory.on(device))) {
          out.println();
          if (opened.isLatent()) {
            describeLatent(out, choice, opened);
          } else {
            describe(out, choice, opened);
          }
        }
      }
    }
    return 0;
  }

  /** The beginning of a long line; the whole is what asking for the device gives. */
  private static String first(String problem, String device) {
    String[] clauses = problem.split("[:;(]", 3);
    String start = clauses.length > 1 ? clauses[0] + ":" + clauses[1] : problem;
    return start.strip() + " (all of it: halfstep info --device " + device + ")";
  }

  private static void describeLatent(PrintWriter out, String choice, DiffusionModel model) {
    SampleRequest usual = model.request(Condition.none(1));
    out.println(ModelOption.describe(model, choice));
    out.printf(
        Locale.ROOT,
        LINE,
        "makes",
        model.takesPrompts()
            ? "pictures of texts"
            : "pictures of classes, " + Sizes.whole(model.classes()));
    out.printf(Locale.ROOT, LINE, "schedule", schedule(model.card()));
    out.printf(
        Locale.ROOT,
        LINE,
        "sampler",
        SampleMetadata.steps(usual)
            + " unless asked otherwise, "
            + Guidance.describe(usual.guidance()));
    int8(out, "all layers of the UNet's pixels but the first and the last", model);
    model.notes().forEach(note -> out.printf(Locale.ROOT, LINE, "note", note));
  }

  private static void describe(PrintWriter out, String choice, DiffusionModel model) {
    ModelCard card = model.card();
    out.println(ModelOption.describe(model, choice));
    if (card.dataset() != null) {
      out.printf(Locale.ROOT, LINE, "data", card.dataset());
    }
    if (!card.classNames().isEmpty()) {
      out.printf(Locale.ROOT, LINE, "classes", String.join(", ", card.classNames()));
    }
    out.printf(Locale.ROOT, LINE, "schedule", schedule(card));
    if (card.hasOwnSteps()) {
      out.printf(
          Locale.ROOT,
          LINE,
          "steps",
          card.steps()
              + (card.encodes()
                  ? ", from images to noise"
                  : ", with the " + SampleMetadata.name(model.request(0)) + " sampler"));
    }
    if (!card.takesGuidance()) {
      out.printf(
          Locale.ROOT,
          LINE,
          "guidance",
          model.config().nullLabel()
              ? "any w, at two evaluations per step (one for w = 0)"
              : "none: the network has no null label");
    } else {
      out.printf(
          Locale.ROOT,
          LINE,
          "guidance",
          "from "
              + Guidance.describe(card.guidanceMin())
              + " to "
              + Guidance.describe(card.guidanceMax())
              + ", at one evaluation per step");
    }
    new TreeMap<>(card.provenance())
        .forEach((key, value) -> out.printf(Locale.ROOT, LINE, key, value));
    if (model.network().values() instanceof FrozenWeights frozen) {
      out.printf(Locale.ROOT, LINE, "weights", WeightTable.stored(frozen.storedBytes()));
    }
    int8(out, "all convolutions but the first and the last", model);
    for (int batch : BATCHES) {
      long bytes =
          Plan.requiredBytes(
              model.network().device(),
              model.network().graph(),
              PlanOptions.inference(batch).withType(model.network().device().defaultPrecision()));
      out.printf(
          Locale.ROOT, LINE, "plan, batch " + batch, Sizes.bytes(bytes) + " for all intermediates");
    }
    out.printf(Locale.ROOT, LINE, "network", pretty(model));
    if (model.network().values() instanceof FrozenWeights frozen) {
      out.println();
      WeightTable.print(out, frozen.budget());
    }
  }

  private static void int8(PrintWriter out, String what, DiffusionModel model) {
    model
        .quantization()
        .ifPresent(
            how ->
                out.printf(
                    Locale.ROOT,
                    LINE,
                    "int8",
                    what
                        + "; "
                        + QuantizeCommand.measured(how)
                        + " of "
                        + how.data()
                        + ", seed "
                        + how.seed()));
  }

  /** The noise schedule by its name and numbers, and what the network predicts. */
  private static String schedule(ModelCard card) {
    return noise(card) + "; predicts " + card.predicts().name().toLowerCase(Locale.ROOT);
  }

  private static String noise(ModelCard card) {
    if (card.noise() != null) {
      return switch (card.noise().kind()) {
        case SHIFTED_COSINE ->
            "truncated cosine, log-SNR shifted by "
                + String.format(Locale.ROOT, "%.3f", card.noise().shift());
        case KARRAS ->
            "sigma from "
                + card.noise().sigmaMax()
                + " to "
                + card.noise().sigmaMin()
                + " of data with deviation "
                + card.noise().sigmaData();
      };
    }
    Betas betas = card.betas();
    if (betas == null) {
      return "truncated cosine, log-SNR from " + card.maxLogSnr() + " to -" + card.maxLogSnr();
    }
    if (betas.rise() == Betas.Rise.COSINE) {
      return betas.steps() + " levels of a cosine";
    }
    return betas.steps()
        + (betas.rise() == Betas.Rise.LINEAR ? " levels of linear" : " levels of scaled linear")
        + " betas from "
        + betas.start()
        + " to "
        + betas.end()
        + (betas.zeroTerminal() ? ", zero terminal SNR" : "");
  }

  private static String pretty(DiffusionModel model) {
    ObjectMapper json = new ObjectMapper();
    try {
      return json.writerWithDefaultPrettyPrinter()
          .writeValueAsString(json.readTree(model.config().toJson()));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }
}
