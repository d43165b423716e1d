package org.halfstep.random;

/**
 * Which element an example is of, where elements have weights: a function of (seed, example number)
 * alone. An epoch shows every element as often, on average over seeds and epochs, as its weight is
 * a part of the largest one: once for those of the largest weight, one time in five for a fifth of
 * it.
 *
 * <p>Elements lie side by side as intervals as long as their weights. An epoch is a comb of equal
 * gaps over all of them, moved by a number drawn for the epoch and gone through in the order of a
 * {@link Permutation} (systematic sampling, Madow 1949): five neighbours of a fifth are one example
 * together in each epoch, and with equal weights the order is the permutation itself.
 *
 * <p>Not for several threads at once: it keeps the permutation of the last epoch asked for.
 */
public final class WeightedOrder {
  /** Draw of an epoch's shift, keyed by the epoch. */
  private static final int SHIFT_DRAW = 1;

  /** So many that a position and a shift are exact together in a double. */
  private static final int SHIFT_BITS = 20;

  private final long seed;
  private final double[] ends;
  private final long examples;
  private final double gap;
  private long epoch = -1;
  private Permutation permutation;
  private double shift;

  /**
   * @param seed seed of the run
   * @param weights one per element, from 0, not all 0
   * @throws IllegalArgumentException when a weight is negative or not finite, or none is above 0
   */
  public WeightedOrder(long seed, double[] weights) {
    double largest = 0;
    for (double weight : weights) {
      if (!(weight >= 0) || Double.isInfinite(weight)) {
        throw new IllegalArgumentException("weight " + weight + "; expected 0 or more");
      }
      largest = Math.max(largest, weight);
    }
    if (largest == 0) {
      throw new IllegalArgumentException("expected a weight above 0 among " + weights.length);
    }
    this.seed = seed;
    this.ends = new double[weights.length];
    double sum = 0;
    for (int i = 0; i < weights.length; i++) {
      sum += weights[i] / largest;
      ends[i] = sum;
    }
    this.examples = Math.max(1, Math.round(sum));
    this.gap = sum / examples;
  }

  /** Examples of an epoch: the sum of the weights as parts of the largest one, rounded. */
  public long examplesPerEpoch() {
    return examples;
  }

  /**
   * The element that an example is of.
   *
   * @param example its number within the run, from 0
   */
  public int at(long example) {
    long number = example / examples;
    if (number != epoch) {
      permutation = new Permutation(seed, number, examples);
      int word = Philox.word(Philox.childSeed(seed, number), 0, SHIFT_DRAW, 0);
      shift = ((word >>> (Integer.SIZE - SHIFT_BITS)) + 0.5) / (1 << SHIFT_BITS);
      epoch = number;
    }
    return elementAt((permutation.at(example % examples) + shift) * gap);
  }

  /** The first element that ends after a point, so never one of no length. */
  private int elementAt(double point) {
    double within = Math.min(point, Math.nextDown(ends[ends.length - 1]));
    int low = 0;
    int high = ends.length - 1;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (ends[middle] > within) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }
}
