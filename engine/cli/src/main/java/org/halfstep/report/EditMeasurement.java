package org.halfstep.report;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;

/**
 * Held-out pictures changed by one model at one setting.
 *
 * @param masked whether a part was painted anew, and not the whole picture changed
 * @param model its name in tables
 * @param weights SHA-256 of the parameters
 * @param teacher whether it is a teacher, guided by two evaluations per step
 * @param steps that the sampler was asked for
 * @param evaluations of the network per picture
 * @param guidance strength w
 * @param strength how far back the pictures were taken
 * @param seed of the noise
 * @param pictures how many
 * @param captionCosine mean cosine of the results and the captions that were asked for
 * @param inside root mean square of the changes of what was to change, over the whole range of
 *     values
 * @param outside the same of what was to stay; null where nothing was
 * @param scale what it was measured against
 * @param made on what and with what
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record EditMeasurement(
    boolean masked,
    String model,
    String weights,
    boolean teacher,
    int steps,
    long evaluations,
    double guidance,
    double strength,
    long seed,
    int pictures,
    double captionCosine,
    double inside,
    Double outside,
    PictureScale scale,
    PictureMeasurement.Made made) {
  public EditMeasurement {
    Results.require("measurement of an edit", model, weights, scale, made);
  }
}
