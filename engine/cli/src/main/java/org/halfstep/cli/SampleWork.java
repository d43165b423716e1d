package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.halfstep.cli.console.ImageProgress;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.option.LabelList;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.data.SampleBatchFile;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;
import org.halfstep.sample.Cancellation;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.GeneratedImages;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.SampleRequest;

/** Makes the images of a request and writes each as soon as it can be. */
final class SampleWork {
  /** Bytes of a class's part of a file's name: names end at 255. */
  private static final int LONGEST_CLASS = 150;

  private final DiffusionModel model;
  private final SampleRequest request;
  private final Cancellation cancellation;
  private final SampleMetadata metadata;
  private final PrintWriter out;

  /**
   * @param words how it is computed, as it is typed
   */
  SampleWork(
      DiffusionModel model,
      String choice,
      SampleRequest request,
      Cancellation cancellation,
      List<String> words,
      PrintWriter out)
      throws IOException {
    this.model = model;
    this.request = request;
    this.cancellation = cancellation;
    this.out = out;
    metadata = new SampleMetadata(choice, ModelOption.checksum(choice), model, request, words);
  }

  /**
   * Makes and writes all images.
   *
   * @param classes how many classes were asked for
   * @return milliseconds per image, without the writing of single pictures
   * @throws java.util.concurrent.CancellationException when it was stopped; single pictures that
   *     were written stay
   */
  double make(SampleOutputs outputs, int classes) throws IOException {
    if (outputs.npz() != null) {
      return makeFile(outputs.npz());
    }
    List<ImageBatch> kept = new ArrayList<>();
    long nanoseconds = 0;
    try (GeneratedImages source = new GeneratedImages(model, request, cancellation);
        ImageProgress progress = new ImageProgress(out, "sample", request.count())) {
      for (int done = 0; done < request.count(); ) {
        long start = System.nanoTime();
        ImageBatch some = source.next(ModelOptions.DEFAULT_MAX_BATCH);
        nanoseconds += System.nanoTime() - start;
        if (outputs.folder() != null) {
          writeSingles(outputs.folder(), some, done);
        }
        if (outputs.grid() != null) {
          kept.add(some);
        }
        done += some.count();
        progress.add(some.count());
      }
    }
    if (outputs.grid() != null) {
      outputs
          .layout(request.count(), classes, model.height(request), model.width(request))
          .write(outputs.grid(), ImageBatch.concatenated(kept), metadata.ofAll());
      out.println("wrote " + outputs.grid());
    }
    if (outputs.folder() != null) {
      out.println("wrote " + Sizes.count(request.count(), "image") + " to " + outputs.folder());
    }
    return nanoseconds / 1e6 / request.count();
  }

  private double makeFile(Path npz) throws IOException {
    long start = System.nanoTime();
    Optional<int[]> written =
        model.config().isConditional() ? Optional.of(request.labels()) : Optional.empty();
    try (GeneratedImages source = new GeneratedImages(model, request, cancellation);
        ImageProgress progress = new ImageProgress(out, "sample", request.count())) {
      SampleBatchFile.write(
          npz,
          request.count(),
          written,
          () -> {
            ImageBatch some = source.next(ModelOptions.DEFAULT_MAX_BATCH);
            progress.add(some.count());
            return some;
          });
    }
    out.println("wrote " + npz);
    return (System.nanoTime() - start) / 1e6 / request.count();
  }

  private void writeSingles(Path folder, ImageBatch images, int first) throws IOException {
    for (int i = 0; i < images.count(); i++) {
      String name =
          "seed-"
              + request.seed()
              + "-image-"
              + (request.firstImage() + first + i)
              + "-"
              + fileName(LabelList.name(model, request.labels()[first + i]))
              + ".png";
      ImageGrid.writeSingle(folder.resolve(name), images, i, metadata.ofImage(first + i));
    }
  }

  /** A class as part of a file's name: letters and digits of any script, no longer than names. */
  static String fileName(String className) {
    String plain =
        className
            .toLowerCase(Locale.ROOT)
            .replaceAll("[^\\p{L}\\p{M}\\p{N}]+", "-")
            .replaceAll("^-|-$", "");
    while (plain.getBytes(StandardCharsets.UTF_8).length > LONGEST_CLASS) {
      plain = plain.substring(0, plain.offsetByCodePoints(plain.length(), -1));
    }
    return plain;
  }
}
