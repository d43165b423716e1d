package org.halfstep.report;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.util.Locale;
import org.halfstep.diffusion.Solver;
import org.halfstep.metrics.Quality;

/**
 * Pictures of held-out captions by one model at one setting.
 *
 * @param model its name in tables; {@link #REAL} for the held-out pictures themselves
 * @param weights SHA-256 of the parameters
 * @param teacher whether it is a teacher, guided by two evaluations per step
 * @param sampler how, such as "ddim"
 * @param steps of it
 * @param evaluations of the network per picture
 * @param guidance strength w
 * @param seed of the noise
 * @param samples pictures, of the captions in their order
 * @param heldOut distances to held-out pictures
 * @param training distances to equally many training pictures
 * @param captionCosine mean cosine of pictures and captions
 * @param retrieval share of pictures whose caption is found among {@code among}
 * @param among captions
 * @param milliseconds to make a picture, while it was measured
 * @param scale what it was measured against
 * @param made on what and with what
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record PictureMeasurement(
    String model,
    String weights,
    boolean teacher,
    String sampler,
    int steps,
    long evaluations,
    double guidance,
    long seed,
    long samples,
    Distances heldOut,
    Distances training,
    double captionCosine,
    double retrieval,
    int among,
    double milliseconds,
    PictureScale scale,
    Made made) {
  /** The name of the held-out pictures themselves, with their own captions. */
  static final String REAL = "held-out pictures";

  /** Distances of a set of pictures to another. */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Distances(
      double fid, double kid, double kidDeviation, double precision, double recall) {
    static Distances of(Quality quality) {
      return new Distances(
          quality.fid(),
          quality.kid(),
          quality.kidDeviation(),
          quality.precision(),
          quality.recall());
    }
  }

  /**
   * On what and with what something was made.
   *
   * @param device what computed
   * @param date when, ISO 8601, UTC
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  public record Made(String device, String machine, String version, String command, String date) {
    static Made now(Origin origin) {
      return new Made(
          origin.device(), origin.machine(), origin.version(), origin.command(), Origin.now());
    }
  }

  public PictureMeasurement {
    Results.require("measurement", model, weights, sampler, heldOut, training, scale, made);
  }

  /** What a sampler is called. */
  static String sampler(Solver sampler) {
    return sampler.name().toLowerCase(Locale.ROOT);
  }
}
