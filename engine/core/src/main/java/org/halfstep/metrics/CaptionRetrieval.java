package org.halfstep.metrics;

import java.util.ArrayList;
import java.util.List;

/**
 * How often the caption of an image is found among those of {@value #AMONG} images, as they come:
 * the one whose embedding has the greatest cosine with the image's. Images of the same caption have
 * the same right answer. A last group of fewer images counts only where it is the first.
 */
public final class CaptionRetrieval {
  /** Images of a group, each with a caption. */
  public static final int AMONG = 100;

  /** One image and its caption, both of length 1. */
  private record Pair(String caption, double[] image, double[] text) {}

  private final List<Pair> group = new ArrayList<>();
  private int right;
  private int asked;

  /**
   * Takes up an image.
   *
   * @throws IllegalArgumentException when an embedding has no direction
   */
  public void add(String caption, double[] image, double... text) {
    group.add(new Pair(caption, unit(image), unit(text)));
    if (group.size() == AMONG) {
      right += found();
      asked += AMONG;
      group.clear();
    }
  }

  /** Share of the images whose caption was found; NaN of none. */
  public double accuracy() {
    return asked == 0 ? (double) found() / group.size() : (double) right / asked;
  }

  /** How many captions an image's is looked for among: {@value #AMONG}, or all where fewer came. */
  public int among() {
    return asked == 0 ? group.size() : AMONG;
  }

  private int found() {
    int count = 0;
    for (Pair pair : group) {
      double best = Double.NEGATIVE_INFINITY;
      String caption = null;
      for (Pair other : group) {
        double cosine = ClipScore.product(pair.image, other.text);
        if (cosine > best) {
          best = cosine;
          caption = other.caption;
        }
      }
      count += pair.caption.equals(caption) ? 1 : 0;
    }
    return count;
  }

  private static double[] unit(double... values) {
    double norm = Math.sqrt(ClipScore.product(values, values));
    if (!(norm > 0) || Double.isInfinite(norm)) {
      throw new IllegalArgumentException(
          "an embedding that is zero, or not finite, has no direction");
    }
    double[] unit = new double[values.length];
    for (int i = 0; i < unit.length; i++) {
      unit[i] = values[i] / norm;
    }
    return unit;
  }
}
