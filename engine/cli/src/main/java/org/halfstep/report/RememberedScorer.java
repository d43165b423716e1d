package org.halfstep.report;

import java.util.HashMap;
import java.util.Map;
import org.halfstep.image.ImageBatch;
import org.halfstep.latent.JointEmbedding;
import org.halfstep.metrics.CaptionScorer;
import org.halfstep.metrics.FeatureExtractor;

/**
 * A caption scorer that looks at pictures once, however many meters ask for the same batch, and
 * encodes every text once: a report asks for the same captions again and again.
 */
final class RememberedScorer implements FeatureExtractor, JointEmbedding {
  private final CaptionScorer scorer;
  private final Map<String, double[]> texts = new HashMap<>();
  private ImageBatch last;
  private CaptionScorer.Seen seen;

  /**
   * @param scorer stays the caller's
   */
  RememberedScorer(CaptionScorer scorer) {
    this.scorer = scorer;
  }

  private CaptionScorer.Seen see(ImageBatch images) {
    if (images != last) {
      seen = scorer.see(images);
      last = images;
    }
    return seen;
  }

  @Override
  public String name() {
    return scorer.name();
  }

  @Override
  public String sha256() {
    return scorer.sha256();
  }

  @Override
  public String score() {
    return scorer.score();
  }

  @Override
  public int features() {
    return scorer.features();
  }

  @Override
  public int classes() {
    return scorer.classes();
  }

  @Override
  public int batch() {
    return scorer.batch();
  }

  @Override
  public void extract(ImageBatch images, float[] features, float[] logits) {
    float[] known = see(images).features();
    System.arraycopy(known, 0, features, 0, known.length);
  }

  @Override
  public boolean cuts(String words) {
    return scorer.cuts(words);
  }

  @Override
  public double[] text(String words) {
    return texts.computeIfAbsent(words, scorer::text);
  }

  @Override
  public double[][] images(ImageBatch images) {
    return see(images).embeddings();
  }

  /** Leaves the scorer open. */
  @Override
  public void close() {
    texts.clear();
    last = null;
    seen = null;
  }
}
