package org.halfstep.metrics;

/**
 * What the metrics say of a set of generated images. Where only moments of the reference are known,
 * KID, precision and recall are NaN; where the extractor has no classes, the Inception Score is.
 *
 * @param samples number of images
 * @param fid Frechet distance to the reference
 * @param inceptionScore mean over {@value #SPLITS} splits
 * @param inceptionScoreDeviation standard deviation over the splits
 * @param kid kernel distance: mean over {@value #KID_SUBSETS} random subsets
 * @param kidDeviation standard deviation over the subsets
 * @param precision of at most {@link ReferenceImages#ROWS} images of each set
 * @param recall of the same
 */
public record Quality(
    long samples,
    double fid,
    double inceptionScore,
    double inceptionScoreDeviation,
    double kid,
    double kidDeviation,
    double precision,
    double recall) {
  /** Parts whose Inception Scores are averaged. */
  public static final int SPLITS = 10;

  /** Random subsets whose kernel distances are averaged. */
  public static final int KID_SUBSETS = 10;

  /** Images of each set in a subset; all where there are fewer. */
  public static final int KID_SUBSET = 1_000;

  /** Fewest images that all metrics can be formed of. */
  public static final int LEAST_SAMPLES = 2 * SPLITS;
}
