package org.halfstep.bindings;

import java.util.Arrays;

/** Attention and its gradient as their definitions read, in double. */
final class AttentionDefinition {
  /** What rounding to bfloat16 changes a number by at most, relative to it. */
  private static final double U = 0x1p-8;

  private AttentionDefinition() {}

  /**
   * Sums, and how far bfloat16 may take each from what it is. Tensor cores multiply probabilities,
   * and gradients of scores, that were rounded before: an error of U at most in each term; and one
   * of U in the sum as it is stored. A sum of few terms comes near the sum of their errors; many do
   * not all have one sign, and five standard deviations, of errors that are spread evenly, are then
   * less.
   */
  static final class Sums {
    final double[] values;
    private final double[] errors;
    private final double[] squares;

    private Sums(int count) {
      values = new double[count];
      errors = new double[count];
      squares = new double[count];
    }

    private void add(int at, double term) {
      values[at] += term;
      blur(at, U * term);
    }

    /** One more error, independent of the others, of this size at most. */
    private void blur(int at, double error) {
      errors[at] += Math.abs(error);
      squares[at] += error * error;
    }

    private double error(int at) {
      return Math.min(errors[at], 5 * Math.sqrt(squares[at] / 3));
    }

    double[] halfPrecisionErrors() {
      double[] all = new double[values.length];
      Arrays.setAll(all, at -> error(at) + U * Math.abs(values[at]));
      return all;
    }
  }

  /** Where channel j of a row of a head of a sample lies: these strides, in elements. */
  record Layout(int first, int sample, int row, int head) {
    int at(int i, int r, int h) {
      return first + i * sample + r * row + h * head;
    }
  }

  /**
   * Sizes, and where queries, keys and values lie in one array.
   *
   * @param lengths keys of each sample that take part, within 1..tk; or null
   * @param layouts of queries, keys, values and results
   */
  record Sizes(
      int n, int tq, int tk, int heads, int d, boolean causal, int[] lengths, Layout... layouts) {

    /** One projection whose rows are (head, q/k/v, channel), or (q/k/v, head, channel). */
    static Sizes self(
        int n, int t, int heads, int d, boolean legacy, boolean causal, int[] lengths) {
      int row = 3 * heads * d;
      int head = legacy ? 3 * d : d;
      int step = legacy ? d : heads * d;
      return new Sizes(
          n,
          t,
          t,
          heads,
          d,
          causal,
          lengths,
          new Layout(0, t * row, row, head),
          new Layout(step, t * row, row, head),
          new Layout(2 * step, t * row, row, head),
          result(t, heads, d));
    }

    /** Queries, and behind them keys and values of other tokens, in rows of two parts. */
    static Sizes cross(int n, int tq, int tk, int heads, int d, int[] lengths) {
      int width = heads * d;
      int keys = n * tq * width;
      return new Sizes(
          n,
          tq,
          tk,
          heads,
          d,
          false,
          lengths,
          new Layout(0, tq * width, width, d),
          new Layout(keys, tk * 2 * width, 2 * width, d),
          new Layout(keys + width, tk * 2 * width, 2 * width, d),
          result(tq, heads, d));
    }

    private static Layout result(int t, int heads, int d) {
      return new Layout(0, t * heads * d, heads * d, d);
    }

    Layout layout(int part) {
      return layouts[part];
    }

    int inputs() {
      return (tq + 2 * tk) * n * heads * d;
    }

    int results() {
      return n * tq * heads * d;
    }

    int rows() {
      return n * heads * tq;
    }

    double scale() {
      return 1 / Math.sqrt(d);
    }

    private int seen(int i, int query) {
      int taken = lengths == null ? tk : lengths[i];
      return causal ? Math.min(query + 1, taken) : taken;
    }

    private static double dot(double[] a, int first, double[] b, int second, int count) {
      double sum = 0;
      for (int j = 0; j < count; j++) {
        sum += a[first + j] * b[second + j];
      }
      return sum;
    }

    /** softmax(scale q k^T) of one query over the keys that it sees; lse may be null. */
    private double[] probabilities(double[] x, int i, int h, int a, double[] lse) {
      int query = layouts[0].at(i, a, h);
      double[] p = new double[seen(i, a)];
      double largest = Double.NEGATIVE_INFINITY;
      for (int b = 0; b < p.length; b++) {
        p[b] = scale() * dot(x, query, x, layouts[1].at(i, b, h), d);
        largest = Math.max(largest, p[b]);
      }
      double sum = 0;
      for (int b = 0; b < p.length; b++) {
        p[b] = Math.exp(p[b] - largest);
        sum += p[b];
      }
      for (int b = 0; b < p.length; b++) {
        p[b] /= sum;
      }
      if (lse != null) {
        lse[(i * heads + h) * tq + a] = largest + Math.log(sum);
      }
      return p;
    }

    /** softmax(scale q k^T) v over the keys that a query sees; lse may be null. */
    double[] forward(double[] x, double[] lse) {
      return results(x, lse).values;
    }

    Sums results(double[] x, double[] lse) {
      Sums y = new Sums(results());
      for (int i = 0; i < n; i++) {
        for (int h = 0; h < heads; h++) {
          for (int a = 0; a < tq; a++) {
            double[] p = probabilities(x, i, h, a, lse);
            for (int b = 0; b < p.length; b++) {
              for (int j = 0; j < d; j++) {
                y.add(layouts[3].at(i, a, h) + j, p[b] * x[layouts[2].at(i, b, h) + j]);
              }
            }
          }
        }
      }
      return y;
    }

    /** The gradient of sum(dy y) with respect to the inputs, by the chain rule. */
    double[] gradient(double[] x, double[] dy) {
      return gradients(x, dy).values;
    }

    Sums gradients(double[] x, double[] dy) {
      Sums gradients = new Sums(x.length);
      double[] y = forward(x, null);
      for (int i = 0; i < n; i++) {
        for (int h = 0; h < heads; h++) {
          for (int a = 0; a < tq; a++) {
            int query = layouts[0].at(i, a, h);
            int out = layouts[3].at(i, a, h);
            double[] p = probabilities(x, i, h, a, null);
            // What is taken from the gradients of all probabilities of a query: of y as it was
            // stored, which was itself a sum of rounded probabilities times values.
            Sums mean = new Sums(1);
            double[] dp = new double[p.length];
            for (int b = 0; b < p.length; b++) {
              dp[b] = dot(dy, out, x, layouts[2].at(i, b, h), d);
              mean.add(0, p[b] * dp[b]);
            }
            for (int j = 0; j < d; j++) {
              mean.blur(0, U * dy[out + j] * y[out + j]);
            }
            double meanError = mean.error(0);
            double[] seenKeys = new double[d];
            for (int b = 0; b < p.length; b++) {
              int key = layouts[1].at(i, b, h);
              int value = layouts[2].at(i, b, h);
              double ds = scale() * p[b] * (dp[b] - mean.values[0]);
              for (int j = 0; j < d; j++) {
                gradients.add(query + j, ds * x[key + j]);
                gradients.add(key + j, ds * x[query + j]);
                gradients.blur(key + j, scale() * p[b] * meanError * x[query + j]);
                gradients.add(value + j, p[b] * dy[out + j]);
                seenKeys[j] += p[b] * x[key + j];
              }
            }
            for (int j = 0; j < d; j++) {
              gradients.blur(query + j, scale() * meanError * seenKeys[j]);
            }
          }
        }
      }
      return gradients;
    }

    double[] finiteDifferences(double[] x, double[] dy) {
      double[] gradient = new double[x.length];
      double step = 1e-5;
      for (int k = 0; k < x.length; k++) {
        double value = x[k];
        x[k] = value + step;
        double[] above = forward(x, null);
        x[k] = value - step;
        double[] below = forward(x, null);
        x[k] = value;
        for (int m = 0; m < dy.length; m++) {
          gradient[k] += dy[m] * (above[m] - below[m]) / (2 * step);
        }
      }
      return gradient;
    }
  }
}
