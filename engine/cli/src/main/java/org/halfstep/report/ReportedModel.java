package org.halfstep.report;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.halfstep.graph.ParameterSlab;
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
    return new ReportedModel(name, model, digest(model.network().weights()));
  }

  private static String digest(ParameterSlab slab) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values = arena.allocate(slab.bytes(), Float.BYTES);
      slab.download(values);
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(values.asByteBuffer());
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
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
    int[] labels = new int[count];
    for (int i = 0; i < count; i++) {
      labels[i] = (int) ((first + i) % model.classes());
    }
    SampleRequest request =
        model.request(labels).withSeed(seed).withGuidance(guidance).withFirstImage(first);
    return request.steps() == steps ? request : request.withSteps(steps);
  }

  /** Whether the model takes this guidance strength. */
  boolean takes(double guidance) {
    ModelCard card = model.card();
    return isTeacher()
        ? guidance == 0 || model.config().nullLabel()
        : guidance >= card.guidanceMin() && guidance <= card.guidanceMax();
  }
}
