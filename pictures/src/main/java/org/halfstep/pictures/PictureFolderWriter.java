package org.halfstep.pictures;

import java.awt.image.BufferedImage;
import java.awt.image.Raster;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.halfstep.image.PngFile;

/**
 * Draws pictures into a folder, in two sizes. A drawing is made once, several times larger than it
 * is wanted, and averaged; what cannot be drawn, takes too long or is blank is left out, and said.
 */
final class PictureFolderWriter {
  static final int LARGE = 128;
  static final int SMALL = 64;

  /** Pixels of the drawing along one pixel of the larger picture. */
  private static final int OVERSAMPLING = 4;

  private static final int LONGEST_SECONDS = 60;
  private static final int MOST_ENDLESS = 8;

  /** Less is no picture: a sheet that is empty but for a line. */
  private static final double LEAST_PAINTED = 0.004;

  private static final int PROGRESS = 2_000;

  /** A picture that was drawn, or why it was not. */
  record Drawn(Picture picture, String problem) {
    boolean isDrawn() {
      return problem == null;
    }
  }

  private final Path folder;
  private final PrintWriter out;
  private final AtomicInteger done = new AtomicInteger();
  private final AtomicInteger endless = new AtomicInteger();

  /**
   * @param folder where pictures go
   * @param out for progress
   */
  PictureFolderWriter(Path folder, PrintWriter out) {
    this.folder = folder;
    this.out = out;
  }

  /** Where a picture's file is, below the folder. */
  static String path(Picture picture, int side) {
    return "pictures/"
        + side
        + "/"
        + picture.style().replace(' ', '-')
        + "/"
        + picture.key()
        + ".png";
  }

  /** Draws all, in any order; the answers are in the pictures' order. */
  List<Drawn> write(List<Picture> pictures) throws IOException {
    for (Picture picture : pictures) {
      for (int side : new int[] {SMALL, LARGE}) {
        Files.createDirectories(folder.resolve(path(picture, side)).getParent());
      }
    }
    List<Drawn> all = new ArrayList<>();
    try (ExecutorService workers =
        Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors())) {
      List<Future<Drawn>> drawing = new ArrayList<>();
      for (Picture picture : pictures) {
        drawing.add(workers.submit(() -> write(picture, pictures.size())));
      }
      try {
        for (Future<Drawn> each : drawing) {
          all.add(each.get());
        }
      } catch (ExecutionException failure) {
        workers.shutdownNow();
        throw new IOException(failure.getCause().getMessage(), failure.getCause());
      } catch (InterruptedException stopped) {
        workers.shutdownNow();
        throw new IOException("stopped", stopped);
      }
    }
    return all;
  }

  private Drawn write(Picture picture, int count) throws IOException, InterruptedException {
    BufferedImage[] large = {null};
    String[] problem = {null};
    // A thread of its own can be given up: nothing else ends a drawing that never does.
    Thread drawing =
        Thread.ofPlatform()
            .daemon()
            .start(
                () -> {
                  try {
                    BufferedImage whole = picture.source().draw(OVERSAMPLING * LARGE);
                    large[0] = averaged(whole, OVERSAMPLING);
                  } catch (IOException | OutOfMemoryError | RuntimeException refused) {
                    problem[0] = String.valueOf(refused.getMessage());
                  }
                });
    drawing.join(LONGEST_SECONDS * 1000L);
    if (drawing.isAlive()) {
      drawing.interrupt();
      if (endless.incrementAndGet() > MOST_ENDLESS) {
        throw new IOException(
            "more than " + MOST_ENDLESS + " drawings take longer than " + LONGEST_SECONDS + " s");
      }
      return new Drawn(picture, "takes longer than " + LONGEST_SECONDS + " s");
    }
    int number = done.incrementAndGet();
    if (number % PROGRESS == 0) {
      out.println(number + " of " + count + " drawn");
      out.flush();
    }
    if (problem[0] != null) {
      return new Drawn(picture, problem[0]);
    }
    if (painted(large[0]) < LEAST_PAINTED) {
      return new Drawn(picture, "is blank");
    }
    save(large[0], folder.resolve(path(picture, LARGE)));
    save(averaged(large[0], LARGE / SMALL), folder.resolve(path(picture, SMALL)));
    return new Drawn(picture, null);
  }

  /** The part of the pixels that are not white. */
  private static double painted(BufferedImage image) {
    int white = 0;
    int[] pixels =
        image.getRGB(0, 0, image.getWidth(), image.getHeight(), null, 0, image.getWidth());
    for (int pixel : pixels) {
      white += (pixel & 0xffffff) == 0xffffff ? 1 : 0;
    }
    return 1 - (double) white / pixels.length;
  }

  /** Means of squares of pixels. */
  static BufferedImage averaged(BufferedImage image, int factor) {
    int width = image.getWidth() / factor;
    int height = image.getHeight() / factor;
    Raster from = image.getRaster();
    int[] row = null;
    int[] sums = new int[width * 3];
    BufferedImage small = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < height; y++) {
      Arrays.fill(sums, 0);
      for (int i = 0; i < factor; i++) {
        row = from.getPixels(0, y * factor + i, width * factor, 1, row);
        for (int x = 0; x < width * factor; x++) {
          for (int c = 0; c < 3; c++) {
            sums[x / factor * 3 + c] += row[x * 3 + c];
          }
        }
      }
      int area = factor * factor;
      for (int i = 0; i < sums.length; i++) {
        sums[i] = (sums[i] + area / 2) / area;
      }
      small.getRaster().setPixels(0, y, width, 1, sums);
    }
    return small;
  }

  private static void save(BufferedImage image, Path file) throws IOException {
    Files.write(file, PngFile.bytes(image, Map.of()));
  }

  /** Writes a text, and waits until the disk has it. */
  static void write(Path file, String text) throws IOException {
    Files.writeString(file, text, StandardCharsets.UTF_8);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
  }
}
