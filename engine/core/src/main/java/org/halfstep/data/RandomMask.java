package org.halfstep.data;

import org.halfstep.random.Philox;

/**
 * Masks to train inpainting with, each a function of (seed, number): a quarter of them paint
 * everything, the others one to three shapes, which are boxes, or strokes of a brush along a line
 * that turns. What inpainting networks of Stable Diffusion were trained with is of this kind.
 */
public final class RandomMask {
  /** Draw number of a mask's choices. */
  private static final int DRAW = 32;

  private static final double EVERYTHING = 0.25;
  private static final int MOST_SHAPES = 3;
  private static final int STROKE_POINTS = 4;

  /** Choices that one shape may make. */
  private static final int CHOICES = 32;

  private static final double LEAST_EXTENT = 0.1;
  private static final double LEAST_BRUSH = 0.03;
  private static final double MOST_BRUSH = 0.12;

  private final long seed;
  private final long number;
  private final int height;
  private final int width;
  private final boolean[] painted;

  private RandomMask(long seed, long number, int height, int width) {
    this.seed = seed;
    this.number = number;
    this.height = height;
    this.width = width;
    this.painted = new boolean[height * width];
  }

  /**
   * Draws a mask.
   *
   * @param number of the mask among those of a seed
   * @return rows of pixels: true where something is painted anew, somewhere at least
   */
  public static boolean[] draw(long seed, long number, int height, int width) {
    RandomMask mask = new RandomMask(seed, number, height, width);
    mask.fill();
    return mask.painted;
  }

  private double choice(int index) {
    return Philox.uniformFromPair(seed, number, DRAW, index);
  }

  private double choice(int index, double least, double most) {
    return least + choice(index) * (most - least);
  }

  private void fill() {
    if (choice(0) < EVERYTHING) {
      box(0, 0, height, width);
      return;
    }
    int shapes = 1 + (int) (choice(1) * MOST_SHAPES);
    for (int shape = 0; shape < shapes; shape++) {
      int first = CHOICES * (shape + 1);
      if (choice(first) < 0.5) {
        double rows = choice(first + 1, LEAST_EXTENT, 1 - LEAST_EXTENT) * height;
        double columns = choice(first + 2, LEAST_EXTENT, 1 - LEAST_EXTENT) * width;
        double top = choice(first + 3) * (height - rows);
        double left = choice(first + 4) * (width - columns);
        box(top, left, top + rows, left + columns);
      } else {
        stroke(first);
      }
    }
  }

  private void box(double top, double left, double bottom, double right) {
    for (int y = (int) top; y < bottom; y++) {
      for (int x = (int) left; x < right; x++) {
        painted[y * width + x] = true;
      }
    }
  }

  private void stroke(int first) {
    double brush = choice(first + 1, LEAST_BRUSH, MOST_BRUSH) * Math.min(height, width);
    double y = choice(first + 2) * height;
    double x = choice(first + 3) * width;
    for (int point = 1; point <= STROKE_POINTS; point++) {
      double nextY = choice(first + 2 + 2 * point) * height;
      double nextX = choice(first + 3 + 2 * point) * width;
      int dots = 1 + (int) (Math.hypot(nextY - y, nextX - x) / Math.max(brush / 2, 0.5));
      for (int dot = 0; dot <= dots; dot++) {
        double part = (double) dot / dots;
        disk(y + part * (nextY - y), x + part * (nextX - x), Math.max(brush, 0.75));
      }
      y = nextY;
      x = nextX;
    }
  }

  private void disk(double centerY, double centerX, double radius) {
    int top = Math.max(0, (int) Math.floor(centerY - radius));
    int bottom = Math.min(height - 1, (int) Math.ceil(centerY + radius));
    int left = Math.max(0, (int) Math.floor(centerX - radius));
    int right = Math.min(width - 1, (int) Math.ceil(centerX + radius));
    for (int y = top; y <= bottom; y++) {
      for (int x = left; x <= right; x++) {
        if (Math.hypot(y + 0.5 - centerY, x + 0.5 - centerX) <= radius) {
          painted[y * width + x] = true;
        }
      }
    }
  }
}
