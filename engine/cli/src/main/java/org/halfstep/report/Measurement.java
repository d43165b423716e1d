package org.halfstep.report;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import org.halfstep.diffusion.Solver;
import org.halfstep.metrics.Quality;

/**
 * Quality of one model at one setting, with what it takes to repeat the measurement.
 *
 * @param model its name in tables
 * @param weights SHA-256 of the model's parameters
 * @param int8 whether its convolutions multiply bytes
 * @param teacher whether it is a teacher, guided by two evaluations per step
 * @param steps sampler steps
 * @param guidance strength w
 * @param seed of the noise; images 0 to samples - 1, their classes in turn
 * @param quality the numbers
 * @param reference what the images were compared with
 * @param referenceImages number of its images
 * @param extractor name of the network that the metrics take features from
 * @param extractorSha256 of its weights
 * @param device what made the images
 * @param machine the hardware
 * @param version of this engine
 * @param command that was typed
 * @param date when, ISO 8601, UTC
 * @param sampler another solver than the model's own; null for its own
 * @param kind of model; null in results of earlier builds
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record Measurement(
    String model,
    String weights,
    boolean int8,
    boolean teacher,
    int steps,
    double guidance,
    long seed,
    Quality quality,
    String reference,
    long referenceImages,
    String extractor,
    String extractorSha256,
    String device,
    String machine,
    String version,
    String command,
    String date,
    Solver sampler,
    ModelKind kind) {
  public Measurement {
    Results.require(
        "measurement", model, weights, quality, reference, extractor, extractorSha256, device);
    if (kind == null) {
      kind = teacher ? ModelKind.TEACHER : ModelKind.DETERMINISTIC;
    }
  }

  /** Of a teacher, or of a deterministic student, by its own sampler. */
  public Measurement(
      String model,
      String weights,
      boolean int8,
      boolean teacher,
      int steps,
      double guidance,
      long seed,
      Quality quality,
      String reference,
      long referenceImages,
      String extractor,
      String extractorSha256,
      String device,
      String machine,
      String version,
      String command,
      String date) {
    this(
        model,
        weights,
        int8,
        teacher,
        steps,
        guidance,
        seed,
        quality,
        reference,
        referenceImages,
        extractor,
        extractorSha256,
        device,
        machine,
        version,
        command,
        date,
        null,
        null);
  }
}
