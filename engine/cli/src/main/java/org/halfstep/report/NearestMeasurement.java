package org.halfstep.report;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.util.List;

/**
 * How near pictures come to the training pictures: a model that memorised comes nearer than
 * pictures that it has not seen.
 *
 * @param model its name in tables
 * @param weights SHA-256 of the parameters
 * @param steps of its usual sampler
 * @param guidance strength w
 * @param seed of the noise
 * @param trainingPictures how many were looked through
 * @param samples distances of the model's pictures to the nearest training picture of each, in the
 *     scorer's features, ascending
 * @param heldOut the same of equally many held-out pictures
 * @param scale what it was measured against
 * @param made on what and with what
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record NearestMeasurement(
    String model,
    String weights,
    int steps,
    double guidance,
    long seed,
    int trainingPictures,
    List<Double> samples,
    List<Double> heldOut,
    PictureScale scale,
    PictureMeasurement.Made made) {
  public NearestMeasurement {
    Results.require("measurement of nearness", model, weights, scale, made);
    samples = Results.copy("distances", samples);
    heldOut = Results.copy("distances", heldOut);
  }

  /** How many of the model's pictures are nearer than all but one in twenty held-out ones. */
  long tooNear() {
    double near = heldOut.get(heldOut.size() / 20);
    return samples.stream().filter(distance -> distance < near).count();
  }
}
