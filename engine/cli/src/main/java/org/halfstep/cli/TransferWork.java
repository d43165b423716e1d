package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.halfstep.cli.console.ImageProgress;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.option.EditOptions;
import org.halfstep.files.Json;
import org.halfstep.image.Fit;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;
import org.halfstep.metrics.PixelErrors;
import org.halfstep.sample.Cancellation;
import org.halfstep.sample.Condition;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.StyleTransfer;

/**
 * Makes and writes the pictures of a style transfer, a few at a time, and measures how far they
 * come back.
 *
 * @param baseline the same by a teacher both ways; null for none
 * @param command that was typed
 */
record TransferWork(
    PrintWriter out, StyleTransfer transfer, StyleTransfer baseline, Names names, String command) {
  private static final int MOST_ROWS = 64;
  private static final int PADDING = 2;
  private static final int VIEWABLE_SIDE = 84;

  /** What is shown for the models and the two sides. */
  record Names(String encoder, String decoder, String teacher, String from, String to) {}

  /** Where results go; null for nowhere. */
  record Outputs(Path folder, Path grid, Path json) {}

  /**
   * How far pictures come back, in numbers.
   *
   * @param encoder that was used
   * @param decoder that was used
   * @param evaluations of a network for each picture that is made of another one
   * @param rmse root mean square error of all numbers of the pictures, 0 to 255
   * @param psnr peak signal-to-noise ratio in dB, mean of the pictures'
   * @param latentRmse the same between what the encoder begins with and what is decoded, in the
   *     network's units
   * @param firstStageRmse of the first stage of latent models alone; 0 for pixels
   * @param firstStagePsnr likewise; null for pixels
   */
  record RoundTrip(
      String encoder,
      int encoderSteps,
      String decoder,
      int decoderSteps,
      double guidance,
      double backGuidance,
      long evaluations,
      double rmse,
      double psnr,
      double latentRmse,
      double firstStageRmse,
      Double firstStagePsnr) {}

  /** What {@code --json} writes. */
  record Numbers(
      String from,
      String to,
      int pictures,
      RoundTrip roundTrip,
      RoundTrip teacher,
      String command) {}

  /** The measured round trips of one of the two. */
  private static final class Trip {
    final StyleTransfer transfer;
    final PixelErrors back = new PixelErrors();
    final PixelErrors plain = new PixelErrors();
    double squares;

    Trip(StyleTransfer transfer) {
      this.transfer = transfer;
    }

    StyleTransfer.Result run(
        ImageBatch pictures, Condition from, Condition to, Cancellation cancellation) {
      StyleTransfer.Result result = transfer.run(pictures, from, to, cancellation);
      back.add(pictures, result.back());
      plain.add(pictures, result.plain());
      squares += pictures.count() * result.latentError() * result.latentError();
      return result;
    }

    RoundTrip numbers(String encoder, String decoder) {
      boolean isLatent = transfer.decoder().isLatent();
      return new RoundTrip(
          encoder,
          transfer.encoderSteps(),
          decoder,
          transfer.decoderSteps(),
          transfer.guidance(),
          transfer.backGuidance(),
          transfer.evaluations(),
          back.rootMeanSquare(),
          back.signalToNoise(),
          Math.sqrt(squares / back.count()),
          plain.rootMeanSquare(),
          isLatent ? plain.signalToNoise() : null);
    }
  }

  /**
   * Makes, writes and measures all.
   *
   * @param files pictures
   * @param size their height and width for the models
   * @param from what one of them shows
   * @param to what is made of one
   */
  void run(
      List<Path> files,
      int[] size,
      Condition from,
      Condition to,
      Outputs outputs,
      Cancellation cancellation)
      throws IOException {
    Trip trip = new Trip(transfer);
    Trip compared = baseline == null ? null : new Trip(baseline);
    List<ImageBatch> shown = new ArrayList<>();
    try (ImageProgress progress = new ImageProgress(out, "transfer", files.size())) {
      for (int done = 0; done < files.size(); ) {
        int count = Math.min(ModelOptions.DEFAULT_MAX_BATCH, files.size() - done);
        List<Path> some = files.subList(done, done + count);
        ImageBatch pictures = read(some, size);
        Condition shows = repeated(from, count);
        Condition makes = repeated(to, count);
        List<ImageBatch> columns = new ArrayList<>(List.of(pictures));
        StyleTransfer.Result result = trip.run(pictures, shows, makes, cancellation);
        columns.add(result.back());
        columns.add(result.made());
        if (compared != null) {
          StyleTransfer.Result other = compared.run(pictures, shows, makes, cancellation);
          columns.add(other.back());
          columns.add(other.made());
        }
        if (outputs.folder() != null) {
          writeSingles(outputs.folder(), some, result.made());
        }
        for (int row = 0; row < count && done + row < MOST_ROWS; row++) {
          for (ImageBatch column : columns) {
            shown.add(part(column, row));
          }
        }
        done += count;
        progress.add(count);
      }
    }
    if (outputs.folder() != null) {
      out.println("wrote " + Sizes.count(files.size(), "image") + " to " + outputs.folder());
    }
    if (outputs.grid() != null) {
      writeGrid(outputs.grid(), shown, compared == null ? 3 : 5);
    }
    RoundTrip own = trip.numbers(names.encoder(), names.decoder());
    RoundTrip other = compared == null ? null : compared.numbers(names.teacher(), names.teacher());
    say(files.size(), own);
    if (other != null) {
      out.println("DDIM both ways on " + names.teacher() + ":");
      say(other);
    }
    if (outputs.json() != null) {
      Json.write(
          outputs.json(), new Numbers(names.from(), names.to(), files.size(), own, other, command));
      out.println("wrote " + outputs.json());
    }
  }

  private ImageBatch read(List<Path> files, int[] size) throws IOException {
    List<ImageBatch> pictures = new ArrayList<>();
    for (Path file : files) {
      int channels = transfer.encoder().channels();
      pictures.add(EditOptions.read(file, channels, size[0], size[1], Fit.CROP));
    }
    return ImageBatch.concatenated(pictures);
  }

  /** The same for each of several pictures. */
  private static Condition repeated(Condition one, int count) {
    return switch (one) {
      case Condition.Prompts prompts ->
          Condition.prompts(Collections.nCopies(count, prompts.prompts().getFirst()), "");
      case Condition.Labels labels -> {
        int[] all = new int[count];
        Arrays.fill(all, labels.labels()[0]);
        yield Condition.labels(all);
      }
      case Condition.None _ -> Condition.none(count);
    };
  }

  private static ImageBatch part(ImageBatch batch, int index) {
    int bytes = batch.height() * batch.width() * batch.channels();
    byte[] pixels = new byte[bytes];
    System.arraycopy(batch.pixels(), index * bytes, pixels, 0, bytes);
    return new ImageBatch(1, batch.height(), batch.width(), batch.channels(), pixels);
  }

  // ---- Writing

  private Map<String, String> metadata() {
    Map<String, String> text = new LinkedHashMap<>();
    text.put("Software", "Halfstep " + Halfstep.VERSION);
    text.put("Encoder", names.encoder());
    text.put("Model", names.decoder());
    text.put("Steps", transfer.encoderSteps() + " and " + transfer.decoderSteps());
    text.put("Guidance", Double.toString(transfer.guidance()));
    text.put("From", names.from());
    text.put("To", names.to());
    text.put("Command", command);
    return text;
  }

  private void writeSingles(Path folder, List<Path> files, ImageBatch made) throws IOException {
    for (int i = 0; i < files.size(); i++) {
      String picture = files.get(i).getFileName().toString();
      int dot = picture.lastIndexOf('.');
      String name =
          (dot > 0 ? picture.substring(0, dot) : picture)
              + "-"
              + SampleWork.fileName(names.to())
              + ".png";
      Map<String, String> text = metadata();
      text.put("Image", files.get(i).toString());
      ImageGrid.writeSingle(folder.resolve(name), made, i, text);
    }
  }

  private void writeGrid(Path file, List<ImageBatch> shown, int columns) throws IOException {
    ImageBatch all = ImageBatch.concatenated(shown);
    int scale = Math.max(1, VIEWABLE_SIDE / Math.max(all.height(), all.width()));
    Map<String, String> text = metadata();
    text.put(
        "Columns",
        "the picture; brought back; made of it"
            + (columns == 3 ? "" : "; the latter two by " + names.teacher()));
    new ImageGrid(columns, PADDING, scale).write(file, all, text);
    out.println("wrote " + file);
  }

  // ---- Numbers

  private void say(int pictures, RoundTrip trip) {
    out.println(
        names.from()
            + " to "
            + names.to()
            + ": "
            + Sizes.count(pictures, "picture")
            + ", "
            + transfer.encoderSteps()
            + " and "
            + Sizes.count(transfer.decoderSteps(), "step")
            + ", "
            + Sizes.count(trip.evaluations(), "network evaluation")
            + " each");
    say(trip);
  }

  private void say(RoundTrip trip) {
    out.println(
        String.format(
            Locale.ROOT,
            "round trip at w = %s: RMSE %.3f of 255, PSNR %.2f dB",
            Double.toString(trip.backGuidance()).replaceFirst("\\.0$", ""),
            trip.rmse(),
            trip.psnr()));
    if (trip.firstStagePsnr() != null) {
      out.println(
          String.format(
              Locale.ROOT,
              "the first stage alone: RMSE %.3f of 255, PSNR %.2f dB; latents come back with RMSE"
                  + " %.4f",
              trip.firstStageRmse(),
              trip.firstStagePsnr(),
              trip.latentRmse()));
    }
  }
}
