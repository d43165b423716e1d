package org.halfstep.latent;

import org.halfstep.image.ImageBatch;

/**
 * A pair of networks that bring images and texts into one space, where cosines say how well they
 * agree. Numbers of different ones cannot be compared. Not for use by several threads at once.
 */
public interface JointEmbedding extends AutoCloseable {
  /** What it is, for people. */
  String name();

  /** SHA-256 of its weights, 64 lower-case hexadecimal digits. */
  String sha256();

  /** What scores by it are called, such as "CLIP score". */
  String score();

  /** Whether a text has more tokens than this reads. */
  boolean cuts(String words);

  /** The embedding of a text; what does not fit is left out. */
  double[] text(String words);

  /**
   * The embeddings of images, a row each; they do not depend on what else is in the batch.
   *
   * @throws IllegalArgumentException when it does not take images of this size
   */
  double[][] images(ImageBatch images);

  @Override
  void close();
}
