package org.halfstep.metrics;

import org.halfstep.image.ImageBatch;

/**
 * A network that image metrics take features from: it turns images into features (FID, KID,
 * precision, recall) and logits (Inception Score). Numbers from different extractors cannot be
 * compared, so every one of them is shown with the extractor's name, and stored with its hash.
 *
 * <p>Not for use by several threads at once.
 */
public interface FeatureExtractor extends AutoCloseable {
  /** What tables put in brackets, as in {@code FID (Inception)}. */
  String name();

  /** SHA-256 of the file of weights, 64 lower-case hexadecimal digits. */
  String sha256();

  /** Features per image. */
  int features();

  /** Logits per image; 0 for a network without classes, which has no Inception Score. */
  int classes();

  /** Images that are best given at once; any number is allowed. */
  int batch();

  /**
   * Features and logits of images. Those of an image do not depend on what else is in the batch.
   *
   * @param images any number of them, of a size and number of channels that this network takes
   * @param features at least [images, features], row-major; the first rows are written
   * @param logits at least [images, classes], row-major; the first rows are written
   * @throws IllegalArgumentException if the images do not suit the network or an array is too small
   */
  void extract(ImageBatch images, float[] features, float[] logits);

  @Override
  void close();
}
