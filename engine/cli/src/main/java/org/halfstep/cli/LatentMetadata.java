package org.halfstep.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.halfstep.cli.console.ShellWord;
import org.halfstep.cli.option.LatentOption;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.diffusion.Guidance;
import org.halfstep.files.FileDigest;
import org.halfstep.sample.Beginning;
import org.halfstep.sample.Condition;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.SampleRequest;

/**
 * What a PNG file of a latent model's pictures says: enough to make them again.
 *
 * @param command "sample", "edit" or "inpaint"
 * @param inputs files that a picture starts from, by the options that name them
 * @param words further options of the command, as they are typed
 */
record LatentMetadata(
    String command,
    String choice,
    DiffusionModel model,
    LatentOption latent,
    SampleRequest request,
    Map<String, Path> inputs,
    List<String> words) {

  /** For a picture of all images of the request. */
  Map<String, String> ofAll(Map<String, String> digests) {
    return text(request, digests);
  }

  /** For the picture of one image. */
  Map<String, String> ofImage(int index, Map<String, String> digests) {
    return text(request.slice(index, index + 1), digests);
  }

  private Map<String, String> text(SampleRequest part, Map<String, String> digests) {
    Map<String, String> text = new LinkedHashMap<>();
    text.put("Software", "Halfstep " + Halfstep.VERSION);
    if (part.condition() instanceof Condition.Prompts prompts) {
      text.put("Prompt", join(prompts.prompts()));
      text.put("Negative prompt", join(prompts.negatives()));
    } else {
      text.put("Labels", labels(part));
    }
    text.put("Model", choice);
    text.putAll(digests);
    text.put("Device", model.device().name());
    text.put("Sampler", SampleMetadata.name(part));
    text.put("Steps", Integer.toString(part.steps()));
    text.put("Guidance", Guidance.describe(part.guidance()));
    text.put("Noise", part.noise().label());
    text.put("Seed", Long.toString(part.seed()));
    text.put("First image", Long.toString(part.firstImage()));
    text.put("Images", Integer.toString(part.count()));
    text.put("Size", model.width(part) + "x" + model.height(part));
    if (part.edit() != null) {
      text.put("Strength", Double.toString(part.edit().strength()));
      text.put("Beginning", beginning(model, part));
      text.put("Evaluations", Long.toString(model.evaluations(part)));
    }
    inputs.forEach((option, file) -> text.put(option.substring(2), file.toString()));
    text.put("Command", typed(part));
    return text;
  }

  /** How many steps of an edit are run, and from which level of noise. */
  static String beginning(DiffusionModel model, SampleRequest request) {
    Beginning beginning = model.beginning(request);
    double level = beginning.timeInput();
    return String.format(
        Locale.ROOT,
        "%d of %d steps from level "
            + (level == Math.rint(level) ? "%.0f" : "%.2f")
            + ", sigma %.3f",
        beginning.steps(),
        beginning.of(),
        level,
        beginning.sigma());
  }

  private static String join(List<String> texts) {
    return texts.stream().distinct().collect(Collectors.joining(" | "));
  }

  private static String labels(SampleRequest part) {
    return Arrays.stream(part.labels())
        .mapToObj(Integer::toString)
        .collect(Collectors.joining(","));
  }

  private String typed(SampleRequest part) {
    StringBuilder line = new StringBuilder("halfstep " + command);
    option(line, "--model", choice);
    if (part.condition() instanceof Condition.Prompts prompts) {
      prompts.prompts().forEach(prompt -> option(line, "--prompt", prompt));
      if (!prompts.negatives().getFirst().isEmpty()) {
        option(line, "--negative", prompts.negatives().getFirst());
      }
    } else {
      option(line, "--labels", labels(part));
    }
    inputs.forEach((option, file) -> option(line, option, file.toString()));
    option(line, "--size", model.width(part) + "x" + model.height(part));
    option(line, "--count", Integer.toString(part.count()));
    option(line, "--seed", Long.toString(part.seed()));
    option(line, "--first-image", Long.toString(part.firstImage()));
    option(line, "--guidance", Double.toString(part.guidance()));
    option(line, "--steps", Integer.toString(part.steps()));
    option(line, "--sampler", SampleMetadata.name(part));
    line.append(SampleMetadata.times(part));
    return line + SampleMetadata.typed(words) + SampleMetadata.typed(latent.words());
  }

  private static void option(StringBuilder line, String name, String value) {
    line.append(' ').append(name).append(' ').append(ShellWord.quoted(value));
  }

  /** SHA-256 of the weights of the UNet and of the pictures that were read. */
  Map<String, String> digests() throws IOException {
    Map<String, String> digests = new LinkedHashMap<>();
    // A bundled model is identified by the version, and its file may be gone.
    List<Path> weights = ModelOption.isBundled(choice) ? List.of() : files(model.weights());
    for (Path file : weights) {
      digests.put(
          weights.size() == 1 ? "Model SHA-256" : "Model SHA-256 " + file.getFileName(),
          FileDigest.sha256(file));
    }
    for (Map.Entry<String, Path> input : inputs.entrySet()) {
      digests.put(input.getKey().substring(2) + " SHA-256", FileDigest.sha256(input.getValue()));
    }
    return digests;
  }

  /** A file, or the files of an index. */
  private static List<Path> files(Path weights) throws IOException {
    String name = weights.getFileName().toString();
    if (!name.endsWith(".json")) {
      return List.of(weights);
    }
    String stem = name.substring(0, name.indexOf('.')) + "-";
    try (Stream<Path> beside = Files.list(weights.toAbsolutePath().getParent())) {
      return beside
          .filter(file -> file.getFileName().toString().startsWith(stem))
          .filter(file -> file.getFileName().toString().endsWith(".safetensors"))
          .sorted()
          .toList();
    }
  }
}
