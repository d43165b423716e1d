package org.halfstep.cli;

import java.io.IOException;
import java.nio.file.Path;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.option.Bounds;
import org.halfstep.files.AtomicFile;
import org.halfstep.image.ImageGrid;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.SampleRequest;

/**
 * Where sampled images go, tried before the first is made.
 *
 * @param grid picture of all images; null for none
 * @param scale picture pixels per image pixel in the grid; null to choose one here
 * @param folder of a picture of each image; null for none
 * @param npz file of all images; null for none, otherwise the only output
 */
record SampleOutputs(Path grid, Integer scale, Path folder, Path npz) {
  private static final Path DEFAULT_GRID = Path.of("out", "sample.png");
  private static final int PADDING = 2;
  private static final int VIEWABLE_SIDE = 84;
  private static final int MOST_COLUMNS = 20;
  private static final int MOST_SCALE = 64;
  private static final long MOST_PIXELS = 100_000_000;

  SampleOutputs {
    grid = grid == null && folder == null && npz == null ? DEFAULT_GRID : grid;
    if (scale != null) {
      Bounds.whole("--scale", scale, 1, MOST_SCALE);
    }
  }

  /** Fails where images could not be written. */
  void require(DiffusionModel model, SampleRequest request, int classes) throws IOException {
    if (npz != null) {
      AtomicFile.requireWritable(npz);
    }
    if (folder != null) {
      AtomicFile.requireWritableFolder(folder);
    }
    if (grid != null) {
      AtomicFile.requireWritable(grid);
      int height = model.height(request);
      int width = model.width(request);
      long pixels =
          layout(request.count(), classes, height, width).pixels(request.count(), height, width);
      if (pixels > MOST_PIXELS) {
        throw new InputException(
            "a picture of "
                + Sizes.count(request.count(), "image")
                + " would have "
                + Sizes.whole(pixels)
                + " pixels, at most "
                + Sizes.whole(MOST_PIXELS)
                + " are drawn: use --npz FILE or --out FOLDER in place of --grid");
      }
    }
  }

  /** Classes as columns where there are several, a square otherwise. */
  ImageGrid layout(int count, int classes, int height, int width) {
    int square = (int) Math.ceil(Math.sqrt(count));
    int columns = classes > 1 && classes <= MOST_COLUMNS ? classes : Math.min(square, MOST_COLUMNS);
    int factor = scale == null ? Math.max(1, VIEWABLE_SIDE / Math.max(height, width)) : scale;
    return new ImageGrid(Math.min(columns, count), PADDING, factor);
  }
}
