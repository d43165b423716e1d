package org.halfstep.report;

import java.util.HashMap;
import java.util.Map;
import org.halfstep.image.ImageBatch;
import org.halfstep.latent.JointEmbedding;

/** The same with every text encoded once: a report asks for the same captions again and again. */
final class RememberedTexts implements JointEmbedding {
  private final JointEmbedding model;
  private final Map<String, double[]> known = new HashMap<>();

  /**
   * @param model stays the caller's
   */
  RememberedTexts(JointEmbedding model) {
    this.model = model;
  }

  @Override
  public String name() {
    return model.name();
  }

  @Override
  public String sha256() {
    return model.sha256();
  }

  @Override
  public String score() {
    return model.score();
  }

  @Override
  public boolean cuts(String words) {
    return model.cuts(words);
  }

  @Override
  public double[] text(String words) {
    return known.computeIfAbsent(words, model::text);
  }

  @Override
  public double[][] images(ImageBatch images) {
    return model.images(images);
  }

  /** Leaves the model open. */
  @Override
  public void close() {
    known.clear();
  }
}
