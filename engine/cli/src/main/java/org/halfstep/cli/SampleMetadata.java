package org.halfstep.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.halfstep.cli.console.ShellWord;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.option.LabelList;
import org.halfstep.diffusion.Guidance;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.NoiseSource;
import org.halfstep.sample.SampleRequest;

/**
 * What a PNG file says of the images in it: enough to make them again.
 *
 * @param words how it was computed, as it is typed
 */
record SampleMetadata(
    String choice,
    String checksum,
    DiffusionModel model,
    SampleRequest request,
    List<String> words) {

  /** For a picture of all images of the request. */
  Map<String, String> ofAll() {
    return text(request.labels(), request.firstImage());
  }

  /** For the picture of one image. */
  Map<String, String> ofImage(int index) {
    return text(new int[] {request.labels()[index]}, request.firstImage() + index);
  }

  private Map<String, String> text(int[] labels, long first) {
    Map<String, String> text = new LinkedHashMap<>();
    text.put("Software", "Halfstep " + Halfstep.VERSION);
    text.put("Model", choice);
    if (!checksum.isEmpty()) {
      text.put("Model SHA-256", checksum);
    }
    text.put("Device", model.device().name());
    text.put("Sampler", name(request));
    text.put("Steps", Integer.toString(request.steps()));
    text.put("Guidance", Guidance.describe(request.guidance()));
    text.put("Clip", Boolean.toString(request.clip()));
    text.put("Noise", request.noise().label());
    text.put("Seed", Long.toString(request.seed()));
    text.put("First image", Long.toString(first));
    text.put("Images", Integer.toString(labels.length));
    text.put("Labels", join(labels));
    text.put(
        "Classes",
        IntStream.of(labels)
            .distinct()
            .mapToObj(label -> LabelList.name(model, label))
            .collect(Collectors.joining(", ")));
    text.put("Command", command(labels, first));
    return text;
  }

  private String command(int[] labels, long first) {
    return "halfstep sample --model "
        + ShellWord.quoted(choice)
        + " --labels "
        + join(labels)
        + " --count "
        + labels.length
        + " --seed "
        + request.seed()
        + " --first-image "
        + first
        + " --guidance "
        + request.guidance()
        + " --steps "
        + request.steps()
        + " --sampler "
        + name(request)
        + times(request)
        + (request.clip() ? " --clamp" : "")
        + typed(words);
  }

  /** The options of a request's times and noise, where they are not the usual ones. */
  static String times(SampleRequest request) {
    return (request.spacing() == null
            ? ""
            : " --spacing " + request.spacing().name().toLowerCase(Locale.ROOT))
        + (request.end() == null ? "" : " --end " + request.end().name().toLowerCase(Locale.ROOT))
        + (request.noise() == NoiseSource.OWN ? "" : " --noise " + request.noise().label());
  }

  /** {@code 4 ddim steps}. */
  static String steps(SampleRequest request) {
    return Sizes.count(request.steps(), name(request) + " step");
  }

  static String name(SampleRequest request) {
    return request.sampler().name().toLowerCase(Locale.ROOT);
  }

  private static String join(int[] labels) {
    return IntStream.of(labels).mapToObj(Integer::toString).collect(Collectors.joining(","));
  }

  /** Words at the end of a line. */
  static String typed(List<String> words) {
    return words.stream().map(word -> " " + ShellWord.quoted(word)).collect(Collectors.joining());
  }
}
