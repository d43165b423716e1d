package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.cli.console.ShellWord;
import org.halfstep.files.AtomicFile;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;
import org.halfstep.sample.Cancellation;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.Edit;
import org.halfstep.sample.SampleRequest;

/**
 * Rows of pictures that show what an edit did: each result beside the picture and the mask that it
 * was made of, and one picture at growing strengths.
 *
 * @param beside the file of the former; null for none
 * @param strip the file of the latter; null for none
 */
record EditRows(Path beside, Path strip) {
  private static final int PADDING = 2;
  private static final int COLOURS = 3;

  /** A student's strengths are multiples of 1/N; of many steps some are enough. */
  private static final int MOST_STEPS = 8;

  private static final int STRENGTHS = 4;

  /** Fails where they could not be written. */
  void require() throws IOException {
    for (Path file : new Path[] {beside, strip}) {
      if (file != null) {
        AtomicFile.requireWritable(file);
      }
    }
  }

  /**
   * Makes and writes them.
   *
   * @param images the results
   * @param text what a picture of all results says
   */
  void write(
      PrintWriter out,
      DiffusionModel model,
      SampleRequest request,
      ImageBatch images,
      Map<String, String> text,
      Cancellation cancellation)
      throws IOException {
    Edit edit = request.edit();
    if (beside != null) {
      List<byte[]> pictures = new ArrayList<>();
      for (int i = 0; i < images.count(); i++) {
        pictures.add(pixels(edit.image(), edit.image().count() == 1 ? 0 : i));
        if (edit.mask() != null) {
          pictures.add(pixels(edit.mask(), 0));
        }
        pictures.add(pixels(images, i));
      }
      int columns = edit.mask() == null ? 2 : 3;
      grid(beside, columns, images, pictures, text, "--beside");
      out.println("wrote " + beside);
    }
    if (strip != null) {
      int count = request.steps() <= MOST_STEPS ? request.steps() : STRENGTHS;
      SampleRequest first = request.slice(0, 1);
      List<byte[]> pictures = new ArrayList<>(List.of(pixels(first.edit().image(), 0)));
      for (int k = 1; k <= count; k++) {
        Edit stronger = first.edit().withStrength((double) k / count);
        pictures.add(pixels(model.sample(first.withEdit(stronger), cancellation), 0));
      }
      Map<String, String> said = new LinkedHashMap<>(text);
      said.put("Strengths", "0, then k / " + count);
      grid(strip, pictures.size(), images, pictures, said, "--strip");
      out.println("wrote " + strip + ": strengths k / " + count);
    }
  }

  private static void grid(
      Path file,
      int columns,
      ImageBatch size,
      List<byte[]> pictures,
      Map<String, String> text,
      String option)
      throws IOException {
    byte[] all = new byte[pictures.size() * pictures.getFirst().length];
    for (int i = 0; i < pictures.size(); i++) {
      byte[] one = pictures.get(i);
      System.arraycopy(one, 0, all, i * one.length, one.length);
    }
    Map<String, String> said = new LinkedHashMap<>(text);
    said.put(
        "Command", text.get("Command") + " " + option + " " + ShellWord.quoted(file.toString()));
    new ImageGrid(columns, PADDING, 1)
        .write(
            file, new ImageBatch(pictures.size(), size.height(), size.width(), COLOURS, all), said);
  }

  /** One picture of a batch, in three colours. */
  private static byte[] pixels(ImageBatch batch, int index) {
    int count = batch.height() * batch.width();
    byte[] pixels = new byte[count * COLOURS];
    int channels = batch.channels();
    for (int i = 0; i < pixels.length; i++) {
      int channel = Math.min(i % COLOURS, channels - 1);
      pixels[i] = batch.pixels()[(index * count + i / COLOURS) * channels + channel];
    }
    return pixels;
  }
}
