package org.halfstep.train;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * The symmetric contrastive loss of images and texts, in double. With u and v the embeddings at
 * length 1, {@code l[i][j] = s u[i] v[j]} and s = {@value #FIRST_SCALE} exp(learned number), at
 * most {@value #MOST_SCALE}, it is the mean over i of {@code -log softmax_j(l[i][j])[i]} and of
 * {@code -log softmax_j(l[j][i])[i]}, halved. Where two rows have the same text, neither counts
 * against the other.
 *
 * <p>Source: van den Oord et al. 2018 (InfoNCE); Radford et al. 2021 for both directions and the
 * learned scale with its bound.
 */
final class ContrastiveLoss {
  /** The scale that training begins with: a temperature of 0.07. */
  static final double FIRST_SCALE = 1 / 0.07;

  /** The largest scale: a temperature of 0.01. */
  static final double MOST_SCALE = 100;

  /** What is added to the square of a length, so that an embedding of zeros has a direction. */
  private static final double LEAST_SQUARE = 1e-12;

  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

  private final int rows;
  private final int width;
  private final int stride;
  private final double[] images;
  private final double[] texts;
  private final double[] textsAcross;
  private final double[] imageLengths;
  private final double[] textLengths;
  private final double[] logits;
  private final double[] gradient;
  private final double[] imageGradient;
  private final double[] textGradient;
  private final double[] columnGreatest;
  private final double[] columnSums;
  private double scale;

  /**
   * @param rows pairs of an image and a text
   * @param width numbers of an embedding
   */
  ContrastiveLoss(int rows, int width) {
    this.rows = rows;
    this.width = width;
    stride = 2 * width + 1;
    images = new double[rows * width];
    texts = new double[rows * width];
    textsAcross = new double[rows * width];
    imageLengths = new double[rows];
    textLengths = new double[rows];
    logits = new double[Math.multiplyExact(rows, rows)];
    gradient = new double[rows * rows];
    imageGradient = new double[rows * width];
    textGradient = new double[rows * width];
    columnGreatest = new double[rows];
    columnSums = new double[rows];
  }

  /**
   * The loss, and its gradient. Does not allocate.
   *
   * @param out float32 {@code [rows, 2 width + 1]}: each row an image's embedding, a text's, and
   *     the learned number, which is the same in all
   * @param toGradient of the same extents; the gradient by the learned number stands in the first
   *     row and is zero in the others, whose sum counts
   * @param captions a number per row, the same for the same text
   */
  double compute(MemorySegment out, MemorySegment toGradient, int... captions) {
    read(out, 0, images, imageLengths);
    read(out, width, texts, textLengths);
    double wanted = FIRST_SCALE * Math.exp(out.getAtIndex(FLOAT, stride - 1));
    scale = Math.min(wanted, MOST_SCALE);
    multiply();
    double loss = softmax(captions);
    double byScale = 0;
    for (int i = 0; i < logits.length; i++) {
      // What was left out has no gradient, and an infinite logit.
      byScale += gradient[i] == 0 ? 0 : gradient[i] * logits[i];
    }
    // At its bound the scale may fall again, and not rise.
    boolean isHeld = wanted > MOST_SCALE && byScale < 0;
    back();
    write(toGradient, 0, images, imageLengths, imageGradient);
    write(toGradient, width, texts, textLengths, textGradient);
    for (int row = 0; row < rows; row++) {
      float value = row == 0 && !isHeld ? (float) byScale : 0;
      toGradient.setAtIndex(FLOAT, (long) row * stride + stride - 1, value);
    }
    return loss;
  }

  /** The factor of cosines at the last call. */
  double scale() {
    return scale;
  }

  private void read(MemorySegment out, int offset, double[] units, double... lengths) {
    for (int row = 0; row < rows; row++) {
      double square = LEAST_SQUARE;
      for (int d = 0; d < width; d++) {
        double value = out.getAtIndex(FLOAT, (long) row * stride + offset + d);
        units[row * width + d] = value;
        square += value * value;
      }
      lengths[row] = Math.sqrt(square);
      for (int d = 0; d < width; d++) {
        units[row * width + d] /= lengths[row];
      }
    }
  }

  /** Logits as sums of rows, which a compiler can compute several of at once. */
  private void multiply() {
    for (int row = 0; row < rows; row++) {
      for (int d = 0; d < width; d++) {
        textsAcross[d * rows + row] = texts[row * width + d];
      }
    }
    Arrays.fill(logits, 0);
    for (int i = 0; i < rows; i++) {
      for (int d = 0; d < width; d++) {
        addTo(logits, i * rows, scale * images[i * width + d], textsAcross, d * rows, rows);
      }
    }
  }

  private double softmax(int... captions) {
    Arrays.fill(columnGreatest, Double.NEGATIVE_INFINITY);
    Arrays.fill(columnSums, 0);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < rows; j++) {
        if (i != j && captions[i] == captions[j]) {
          logits[i * rows + j] = Double.NEGATIVE_INFINITY;
        }
        columnGreatest[j] = Math.max(columnGreatest[j], logits[i * rows + j]);
      }
    }
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < rows; j++) {
        columnSums[j] += Math.exp(logits[i * rows + j] - columnGreatest[j]);
      }
    }
    double loss = 0;
    double share = 0.5 / rows;
    for (int i = 0; i < rows; i++) {
      double greatest = Double.NEGATIVE_INFINITY;
      for (int j = 0; j < rows; j++) {
        greatest = Math.max(greatest, logits[i * rows + j]);
      }
      double sum = 0;
      for (int j = 0; j < rows; j++) {
        sum += Math.exp(logits[i * rows + j] - greatest);
      }
      for (int j = 0; j < rows; j++) {
        double logit = logits[i * rows + j];
        double byRow = Math.exp(logit - greatest) / sum;
        double byColumn = Math.exp(logit - columnGreatest[j]) / columnSums[j];
        gradient[i * rows + j] = share * (byRow + byColumn - (i == j ? 2 : 0));
      }
      double own = logits[i * rows + i];
      loss += Math.log(sum) + greatest - own + Math.log(columnSums[i]) + columnGreatest[i] - own;
    }
    return share * loss;
  }

  /** Gradients by the embeddings of length 1. */
  private void back() {
    Arrays.fill(imageGradient, 0);
    Arrays.fill(textGradient, 0);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < rows; j++) {
        double factor = scale * gradient[i * rows + j];
        addTo(imageGradient, i * width, factor, texts, j * width, width);
        addTo(textGradient, j * width, factor, images, i * width, width);
      }
    }
  }

  private static void addTo(
      double[] sums, int at, double factor, double[] values, int from, int count) {
    for (int k = 0; k < count; k++) {
      sums[at + k] += factor * values[from + k];
    }
  }

  /** Gradients by the embeddings themselves: what lies along one does not change its direction. */
  private void write(
      MemorySegment to, int offset, double[] units, double[] lengths, double... gradients) {
    for (int row = 0; row < rows; row++) {
      double along = 0;
      for (int d = 0; d < width; d++) {
        along += units[row * width + d] * gradients[row * width + d];
      }
      for (int d = 0; d < width; d++) {
        int k = row * width + d;
        double value = (gradients[k] - along * units[k]) / lengths[row];
        to.setAtIndex(FLOAT, (long) row * stride + offset + d, (float) value);
      }
    }
  }
}
