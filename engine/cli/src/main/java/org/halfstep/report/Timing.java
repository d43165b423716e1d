package org.halfstep.report;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.util.List;
import java.util.Optional;

/**
 * What an image of a model costs, from request to pixels.
 *
 * @param model its name in tables
 * @param weights SHA-256 of the model's parameters
 * @param int8 whether its convolutions multiply bytes
 * @param steps sampler steps
 * @param evaluations network evaluations per image
 * @param batch images per request
 * @param milliseconds per image, median over the runs
 * @param least milliseconds per image of the fastest run
 * @param greatest of the slowest
 * @param runs number of runs, in turns with the other models
 * @param device what made the images
 * @param machine the hardware
 * @param command that was typed
 * @param date when, ISO 8601, UTC
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record Timing(
    String model,
    String weights,
    boolean int8,
    int steps,
    long evaluations,
    int batch,
    double milliseconds,
    double least,
    double greatest,
    int runs,
    String device,
    String machine,
    String command,
    String date) {
  public Timing {
    Results.require("timing", model, weights, device, machine);
  }

  static Optional<Timing> find(List<Timing> timings, String model, int steps, int batch) {
    return timings.stream()
        .filter(one -> one.model.equals(model) && one.steps == steps && one.batch == batch)
        .findFirst();
  }
}
