package org.halfstep.bindings;

/** Attention and its gradient as their definitions read, in double. */
final class AttentionDefinition {
  private AttentionDefinition() {}

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

    /** softmax(scale q k^T) v over the keys that a query sees; lse may be null. */
    double[] forward(double[] x, double[] lse) {
      double[] y = new double[results()];
      for (int i = 0; i < n; i++) {
        for (int h = 0; h < heads; h++) {
          for (int a = 0; a < tq; a++) {
            int query = layouts[0].at(i, a, h);
            double[] scores = new double[seen(i, a)];
            double largest = Double.NEGATIVE_INFINITY;
            for (int b = 0; b < scores.length; b++) {
              scores[b] = scale() * dot(x, query, x, layouts[1].at(i, b, h), d);
              largest = Math.max(largest, scores[b]);
            }
            double sum = 0;
            for (double score : scores) {
              sum += Math.exp(score - largest);
            }
            if (lse != null) {
              lse[(i * heads + h) * tq + a] = largest + Math.log(sum);
            }
            for (int b = 0; b < scores.length; b++) {
              double p = Math.exp(scores[b] - largest) / sum;
              for (int j = 0; j < d; j++) {
                y[layouts[3].at(i, a, h) + j] += p * x[layouts[2].at(i, b, h) + j];
              }
            }
          }
        }
      }
      return y;
    }

    /** The gradient of sum(dy y) with respect to the inputs, by the chain rule. */
    double[] gradient(double[] x, double[] dy) {
      double[] gradient = new double[x.length];
      double[] lse = new double[rows()];
      double[] y = forward(x, lse);
      for (int i = 0; i < n; i++) {
        for (int h = 0; h < heads; h++) {
          for (int a = 0; a < tq; a++) {
            int query = layouts[0].at(i, a, h);
            int out = layouts[3].at(i, a, h);
            double mean = dot(dy, out, y, out, d);
            for (int b = 0; b < seen(i, a); b++) {
              int key = layouts[1].at(i, b, h);
              int value = layouts[2].at(i, b, h);
              double score = scale() * dot(x, query, x, key, d);
              double p = Math.exp(score - lse[(i * heads + h) * tq + a]);
              double ds = scale() * p * (dot(dy, out, x, value, d) - mean);
              for (int j = 0; j < d; j++) {
                gradient[query + j] += ds * x[key + j];
                gradient[key + j] += ds * x[query + j];
                gradient[value + j] += p * dy[out + j];
              }
            }
          }
        }
      }
      return gradient;
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
