package org.halfstep.report;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import org.halfstep.checkpoint.BundledCheckpoint;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.files.FileDigest;
import org.halfstep.model.ModelCard;
import org.halfstep.sample.Condition;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.SampleRequest;

/**
 * A latent model of texts in a report.
 *
 * @param name as tables show it: a folder's own name, or a bundled name
 * @param model open for as long as the report runs
 * @param weights SHA-256 of the parameters of all its networks, wherever they were read from
 */
public record ReportedLatent(String name, DiffusionModel model, String weights) {
  /**
   * An open model.
   *
   * @param choice the folder that it was read from, or its bundled name
   */
  public static ReportedLatent of(String choice, DiffusionModel model) throws IOException {
    Path path = Path.of(choice);
    try (Checkpoint checkpoint =
        Files.exists(path)
            ? Checkpoint.open(path, CheckpointOptions.standard())
            : BundledCheckpoint.open(choice)) {
      return new ReportedLatent(
          path.toAbsolutePath().normalize().getFileName().toString(), model, digest(checkpoint));
    }
  }

  /** Of the digests of all its networks. */
  private static String digest(Checkpoint checkpoint) {
    MessageDigest digest = FileDigest.begin();
    checkpoint
        .components()
        .values()
        .forEach(each -> digest.update(each.sha256().getBytes(StandardCharsets.US_ASCII)));
    return HexFormat.of().formatHex(digest.digest());
  }

  boolean isTeacher() {
    return model.card().role() == ModelCard.Role.TEACHER;
  }

  /** Steps that it was distilled for, or else some. */
  int steps(int others) {
    return model.card().steps() == null ? others : model.card().steps();
  }

  /** Whether the model takes this guidance strength. */
  boolean takes(double guidance) {
    return !model.card().takesGuidance()
        || guidance >= model.card().guidanceMin() && guidance <= model.card().guidanceMax();
  }

  /** The guidance strength of its range that is nearest to one. */
  double nearest(double guidance) {
    return !model.card().takesGuidance()
        ? guidance
        : Math.clamp(guidance, model.card().guidanceMin(), model.card().guidanceMax());
  }

  /** Pictures of texts from image {@code first} of a seed on. */
  SampleRequest request(List<String> captions, int steps, double guidance, long seed, long first) {
    SampleRequest request =
        model
            .request(Condition.prompts(captions, ""))
            .withSeed(seed)
            .withGuidance(guidance)
            .withFirstImage(first);
    return request.steps() == steps ? request : request.withSteps(steps);
  }
}
