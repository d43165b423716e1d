package org.halfstep.latent;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * A large picture in overlapping tiles, each by itself, blended linearly where they overlap: memory
 * is that of one tile. It is not the whole picture's result: norms and attention see one tile, so
 * that tones may differ from tile to tile. A latent no larger than one tile is not cut.
 *
 * <p>The numbers are diffusers': tiles begin every {@code side - overlap} latent pixels; of two
 * neighbours the upper, then the left one fades out over the overlap while the other fades in.
 * Source: specification 3.2.
 *
 * @param side rows and columns of a tile, in latent pixels
 * @param overlap of two neighbours, in latent pixels
 */
public record Tiling(int side, int overlap) {
  /** Tiles of 64 latent pixels that overlap by a quarter: 512 pixels of an image. */
  public static final Tiling STANDARD = new Tiling(64, 16);

  private static final int LARGEST = 1 << 12;

  public Tiling {
    if (side < 2 || side > LARGEST || overlap < 1 || overlap > side / 2) {
      throw new IllegalArgumentException(
          "tiles must have 2 to "
              + LARGEST
              + " latent pixels and overlap by 1 to half of that, got "
              + side
              + " and "
              + overlap);
    }
  }

  /** Whether a latent is larger than one tile. */
  boolean cuts(int height, int width) {
    return height > side || width > side;
  }

  /** One tile: a window of the latent, by its first row and column and its extents. */
  record Window(int top, int left, int height, int width) {}

  /** Computes one tile: float32, {@code unit * height x unit * width x channels}. */
  @FunctionalInterface
  interface Source {
    void compute(Window window, MemorySegment tile);
  }

  /** Where tiles begin along an extent. */
  private int[] starts(int extent) {
    int step = side - overlap;
    int[] starts = new int[Math.ceilDiv(extent, step)];
    for (int i = 0; i < starts.length; i++) {
      starts[i] = i * step;
    }
    return starts;
  }

  /**
   * Computes all tiles and puts them together.
   *
   * @param height of the latent
   * @param width of the latent
   * @param unit numbers of the result per latent pixel, in each direction
   * @param channels of the result
   * @param source tiles of one size are asked for one after the other
   * @param result float32, {@code unit * height x unit * width x channels}
   */
  void assemble(
      int height, int width, int unit, int channels, Source source, MemorySegment result) {
    int[] rows = starts(height);
    int[] columns = starts(width);
    try (Arena arena = Arena.ofConfined()) {
      Tile[][] tiles = new Tile[rows.length][columns.length];
      List<Tile> all = new ArrayList<>();
      for (int i = 0; i < rows.length; i++) {
        for (int j = 0; j < columns.length; j++) {
          Window window =
              new Window(
                  rows[i],
                  columns[j],
                  Math.min(side, height - rows[i]),
                  Math.min(side, width - columns[j]));
          tiles[i][j] = new Tile(arena, window, unit, channels);
          all.add(tiles[i][j]);
        }
      }
      all.sort(Comparator.comparing(Tile::rows).thenComparing(Tile::columns));
      all.forEach(tile -> source.compute(tile.window, tile.numbers));
      for (int i = 0; i < rows.length; i++) {
        for (int j = 0; j < columns.length; j++) {
          if (i > 0) {
            tiles[i][j].fadeFromAbove(tiles[i - 1][j], unit * overlap);
          }
          if (j > 0) {
            tiles[i][j].fadeFromLeft(tiles[i][j - 1], unit * overlap);
          }
          tiles[i][j].copyTo(result, unit * width, unit * (side - overlap));
        }
      }
    }
  }

  /** The numbers of one tile. */
  private static final class Tile {
    private final Window window;
    private final int unit;
    private final int channels;
    private final MemorySegment numbers;

    Tile(Arena arena, Window window, int unit, int channels) {
      this.window = window;
      this.unit = unit;
      this.channels = channels;
      this.numbers =
          arena.allocate((long) Float.BYTES * rows() * columns() * channels, Float.BYTES);
    }

    int rows() {
      return unit * window.height;
    }

    int columns() {
      return unit * window.width;
    }

    private long index(int y, int x) {
      return ((long) y * columns() + x) * channels;
    }

    void fadeFromAbove(Tile above, int most) {
      int extent = Math.min(most, Math.min(above.rows(), rows()));
      for (int y = 0; y < extent; y++) {
        long from = above.index(above.rows() - extent + y, 0);
        mix(above, from, index(y, 0), columns() * channels, (double) y / extent);
      }
    }

    void fadeFromLeft(Tile left, int most) {
      int extent = Math.min(most, Math.min(left.columns(), columns()));
      for (int y = 0; y < rows(); y++) {
        for (int x = 0; x < extent; x++) {
          long from = left.index(y, left.columns() - extent + x);
          mix(left, from, index(y, x), channels, (double) x / extent);
        }
      }
    }

    private void mix(Tile other, long from, long to, int count, double share) {
      for (int i = 0; i < count; i++) {
        double theirs = other.numbers.getAtIndex(ValueLayout.JAVA_FLOAT, from + i);
        double ours = numbers.getAtIndex(ValueLayout.JAVA_FLOAT, to + i);
        numbers.setAtIndex(
            ValueLayout.JAVA_FLOAT, to + i, (float) (theirs * (1 - share) + ours * share));
      }
    }

    /** What lies before the next tiles begin. */
    void copyTo(MemorySegment result, int resultColumns, int most) {
      int keptRows = Math.min(most, rows());
      long bytes = (long) Float.BYTES * Math.min(most, columns()) * channels;
      for (int y = 0; y < keptRows; y++) {
        long row = (long) (unit * window.top + y) * resultColumns + (long) unit * window.left;
        MemorySegment.copy(
            numbers, Float.BYTES * index(y, 0), result, Float.BYTES * row * channels, bytes);
      }
    }
  }
}
