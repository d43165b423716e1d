package org.halfstep.report;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import org.halfstep.diffusion.Solver;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Weights;
import org.halfstep.model.ModelCard;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.SampleRequest;

/**
 * A model of a report.
 *
 * @param name as tables show it: a file's own name without folder and ending, or a bundled name
 * @param model open for as long as the report runs
 * @param weights SHA-256 of its parameters as they are in memory, so that it does not matter where
 *     they were read from
 */
public record ReportedModel(String name, DiffusionModel model, String weights) {
  private static final String ENDING = ".safetensors";

  /**
   * An open model.
   *
   * @param choice the file that it was read from, or its bundled name
   */
  public static ReportedModel of(String choice, DiffusionModel model) {
    String file = Path.of(choice).getFileName().toString();
    String name = file.endsWith(ENDING) ? file.substring(0, file.length() - ENDING.length()) : file;
    return new ReportedModel(name, model, digest(model.network().values()));
  }

  /** The same under another name. */
  public ReportedModel withName(String other) {
    return new ReportedModel(other, model, weights);
  }

  /** Of all parameters as they lie in one slab, with the zeros between them. */
  private static String digest(Weights weights) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      long at = 0;
      for (Parameter parameter : inOrder(weights)) {
        digest.update(new byte[Math.toIntExact(Float.BYTES * (parameter.offset() - at))]);
        try (Arena arena = Arena.ofConfined()) {
          MemorySegment values = arena.allocate(Float.BYTES * parameter.size(), Float.BYTES);
          weights.copy(parameter, values);
          digest.update(values.asByteBuffer());
        }
        at = parameter.offset() + parameter.size();
      }
      long end = weights.graph().parameterFloats();
      digest.update(new byte[Math.toIntExact(Float.BYTES * (end - at))]);
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<Parameter> inOrder(Weights weights) {
    return weights.graph().parameters().values().stream()
        .sorted(Comparator.comparingLong(Parameter::offset))
        .toList();
  }

  boolean isTeacher() {
    return model.card().role() == ModelCard.Role.TEACHER;
  }

  boolean isInt8() {
    return model.network().isQuantized();
  }

  /** Whether it makes images in one number of steps only. */
  boolean hasOwnSteps() {
    return model.card().steps() != null;
  }

  /** Images {@code first} to {@code first + count - 1} of a seed, their classes in turn. */
  SampleRequest request(int steps, double guidance, long seed, long first, int count) {
    return request(null, steps, guidance, seed, first, count);
  }

  /**
   * The same by another solver.
   *
   * @param sampler null for the model's own
   */
  SampleRequest request(
      Solver sampler, int steps, double guidance, long seed, long first, int count) {
    int[] labels = new int[count];
    for (int i = 0; i < count; i++) {
      labels[i] = (int) ((first + i) % model.classes());
    }
    SampleRequest request =
        model.request(labels).withSeed(seed).withGuidance(guidance).withFirstImage(first);
    request = sampler == null ? request : request.withSampler(sampler);
    return request.steps() == steps ? request : request.withSteps(steps);
  }

  /** What kind of model it is. */
  ModelKind kind() {
    return ModelKind.of(model.card());
  }

  /** Whether an image costs less at w = 0. */
  boolean paysForGuidance() {
    return !model.card().takesGuidance() && model.config().nullLabel();
  }

  /** Whether the model takes this guidance strength. */
  boolean takes(double guidance) {
    ModelCard card = model.card();
    return card.takesGuidance()
        ? guidance >= card.guidanceMin() && guidance <= card.guidanceMax()
        : guidance == 0 || model.config().nullLabel();
  }
}
