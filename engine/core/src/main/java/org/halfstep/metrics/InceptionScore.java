package org.halfstep.metrics;

/**
 * Inception Score (Salimans et al., "Improved Techniques for Training GANs", 2016): exp of the mean
 * over images x of {@code KL(p(y|x) || p(y))}, where p(y|x) is the softmax of a classifier's logits
 * and p(y) its mean over the images of a split. Samples are not shuffled: split i of S holds rows
 * {@code i N / S} (rounded down) to {@code (i + 1) N / S}, exclusive.
 *
 * <p>Logits arrive in batches; memory is splits x classes.
 */
public final class InceptionScore {
  private final int classes;
  private final long samples;
  private final int splits;
  private final double[][] probabilitySums;
  private final double[] negativeEntropySums;
  private final double[] row;
  private long count;
  private int split;

  /**
   * @param classes logits per sample, at least 2
   * @param samples how many samples there will be
   * @param splits number of parts that are scored alone, 1 to {@code samples}; 10 is usual
   * @throws IllegalArgumentException if a number is outside
   */
  public InceptionScore(int classes, long samples, int splits) {
    if (classes < 2) {
      throw new IllegalArgumentException(
          "an Inception Score needs at least 2 classes, got " + classes);
    }
    if (splits < 1 || samples < splits) {
      throw new IllegalArgumentException(
          "an Inception Score over "
              + splits
              + " splits needs at least 1 split and 1 sample for each, got "
              + samples
              + " samples; use more images or fewer splits");
    }
    this.classes = classes;
    this.samples = samples;
    this.splits = splits;
    probabilitySums = new double[splits][classes];
    negativeEntropySums = new double[splits];
    row = new double[classes];
  }

  /**
   * Adds samples.
   *
   * @param logits [rows, classes] row-major
   * @throws IllegalArgumentException if these are not whole rows, a logit is not finite, or there
   *     are more samples than announced
   */
  public void add(float[] logits) {
    int rows = FeatureChecks.rows(logits.length, classes, "logits");
    FeatureChecks.requireFinite(logits, classes, count, "logits");
    if (rows > samples - count) {
      throw new IllegalArgumentException(
          "got " + (count + rows) + " samples for an Inception Score of " + samples);
    }
    for (int i = 0; i < rows; i++) {
      while (count >= Math.multiplyExact(samples, split + 1L) / splits) {
        split++;
      }
      addRow(logits, i * classes);
      count++;
    }
  }

  private void addRow(float[] logits, int offset) {
    double largest = Double.NEGATIVE_INFINITY;
    for (int c = 0; c < classes; c++) {
      largest = Math.max(largest, logits[offset + c]);
    }
    double sum = 0;
    for (int c = 0; c < classes; c++) {
      row[c] = logits[offset + c] - largest;
      sum += Math.exp(row[c]);
    }
    double logSum = Math.log(sum);
    double[] probabilities = probabilitySums[split];
    double negativeEntropy = 0;
    for (int c = 0; c < classes; c++) {
      double logProbability = row[c] - logSum;
      double probability = Math.exp(logProbability);
      probabilities[c] += probability;
      negativeEntropy += probability * logProbability;
    }
    negativeEntropySums[split] += negativeEntropy;
  }

  /**
   * The score of each split.
   *
   * @throws IllegalStateException if not all samples have come
   */
  public double[] perSplit() {
    if (count != samples) {
      throw new IllegalStateException(
          "an Inception Score of " + samples + " samples has got only " + count);
    }
    double[] scores = new double[splits];
    for (int i = 0; i < splits; i++) {
      long rows = Math.multiplyExact(samples, i + 1L) / splits - samples * i / splits;
      // Mean KL = entropy of the mean less mean of the entropies.
      double entropy = 0;
      for (double sum : probabilitySums[i]) {
        double mean = sum / rows;
        entropy -= mean > 0 ? mean * Math.log(mean) : 0;
      }
      scores[i] = Math.exp(entropy + negativeEntropySums[i] / rows);
    }
    return scores;
  }

  /** Mean of the splits' scores. */
  public double mean() {
    return Spread.of(perSplit()).mean();
  }

  /** Standard deviation of the splits' scores, divided by the number of splits. */
  public double standardDeviation() {
    return Spread.of(perSplit()).standardDeviation();
  }
}
