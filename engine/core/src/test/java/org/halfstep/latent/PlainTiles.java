package org.halfstep.latent;

/**
 * Blended tiles once more, in double and pixel by pixel: a number of the result follows from the up
 * to four tiles that cover it.
 *
 * @param height of the latent
 * @param width of the latent
 * @param side of a tile, in latent pixels
 * @param overlap of two tiles, in latent pixels
 * @param unit numbers of the result per latent pixel, in each direction
 * @param channels of the result
 */
record PlainTiles(int height, int width, int side, int overlap, int unit, int channels) {
  /** Computes one tile, {@code unit} numbers high and wide per latent pixel. */
  @FunctionalInterface
  interface Source {
    float[] compute(Tiling.Window window);
  }

  /** A window of an image of {@code unit x width} columns. */
  static float[] cut(float[] from, int width, int unit, int channels, Tiling.Window window) {
    int columns = unit * window.width() * channels;
    float[] part = new float[unit * window.height() * columns];
    for (int i = 0; i < part.length; i++) {
      int y = unit * window.top() + i / columns;
      part[i] = from[(y * width + window.left()) * unit * channels + i % columns];
    }
    return part;
  }

  double[] blend(Source source) {
    int step = side - overlap;
    float[][][] tiles = new float[(height + step - 1) / step][(width + step - 1) / step][];
    for (int i = 0; i < tiles.length; i++) {
      for (int j = 0; j < tiles[i].length; j++) {
        int rows = Math.min(side, height - i * step);
        int columns = Math.min(side, width - j * step);
        tiles[i][j] = source.compute(new Tiling.Window(i * step, j * step, rows, columns));
      }
    }
    double[] result = new double[unit * height * unit * width * channels];
    for (int k = 0; k < result.length; k++) {
      int y = k / channels / (unit * width);
      int x = k / channels % (unit * width);
      result[k] = number(tiles, y / (unit * step), x / (unit * step), y, x, k % channels);
    }
    return result;
  }

  /** What tile (i, j) has at a pixel once it was blended with those above and to the left. */
  private double number(float[][][] tiles, int i, int j, int y, int x, int channel) {
    int step = unit * (side - overlap);
    int columns = Math.min(unit * side, unit * width - j * step);
    int rows = Math.min(unit * side, unit * height - i * step);
    int row = y - i * step;
    int column = x - j * step;
    double number = tiles[i][j][(row * columns + column) * channels + channel];
    int vertical = Math.min(unit * overlap, rows);
    if (i > 0 && row < vertical) {
      double share = (double) row / vertical;
      number = number(tiles, i - 1, j, y, x, channel) * (1 - share) + number * share;
    }
    int horizontal = Math.min(unit * overlap, columns);
    if (j > 0 && column < horizontal) {
      double share = (double) column / horizontal;
      number = number(tiles, i, j - 1, y, x, channel) * (1 - share) + number * share;
    }
    return number;
  }
}
