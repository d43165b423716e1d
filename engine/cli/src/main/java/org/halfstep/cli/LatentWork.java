package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.halfstep.cli.console.ErrorLine;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.console.StepProgress;
import org.halfstep.cli.console.StopSignal;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.data.SampleBatchFile;
import org.halfstep.diffusion.Guidance;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;
import org.halfstep.sample.Cancellation;
import org.halfstep.sample.ComponentUse;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.SampleRequest;

/**
 * Makes the pictures of a latent model, writes them, and says what each part of the model took. All
 * are made as one request: each part is brought into memory once.
 */
final class LatentWork {
  private final PrintWriter out;
  private final LatentMetadata metadata;
  private final DiffusionModel model;
  private final SampleRequest request;

  LatentWork(PrintWriter out, LatentMetadata metadata) {
    this.out = out;
    this.metadata = metadata;
    this.model = metadata.model();
    this.request = metadata.request();
  }

  /**
   * Makes and writes all images.
   *
   * @param columns of the picture of all of them, as many as there are prompts
   * @param rows of an edit; null for none
   * @param cancellation stops it
   * @param stop whether Ctrl-C was what stopped it
   * @return the exit code
   * @throws java.util.concurrent.CancellationException when something else stopped it
   */
  int run(
      SampleOutputs outputs, int columns, EditRows rows, Cancellation cancellation, StopSignal stop)
      throws IOException {
    try {
      make(outputs, columns, rows, cancellation);
      return 0;
    } catch (CancellationException stopped) {
      if (!stop.getAsBoolean()) {
        throw stopped;
      }
      out.println("stopped");
      return ErrorLine.INTERRUPTED;
    }
  }

  private void make(SampleOutputs outputs, int columns, EditRows rows, Cancellation cancellation)
      throws IOException {
    outputs.require(model, request, columns);
    if (rows != null) {
      rows.require();
    }
    out.println(ModelOption.describe(model, metadata.choice()) + " on " + model.device().name());
    model.notes().forEach(out::println);
    out.println(
        Sizes.count(request.count(), "image")
            + " of "
            + model.width(request)
            + "x"
            + model.height(request)
            + ", "
            + SampleMetadata.steps(request)
            + (request.edit() == null
                ? ""
                : " at strength "
                    + request.edit().strength()
                    + " ("
                    + LatentMetadata.beginning(model, request)
                    + ")")
            + ", "
            + Guidance.describe(request.guidance())
            + ", seed "
            + request.seed());
    out.flush();
    // The weights are read once more for it, while the networks compute.
    CompletableFuture<Map<String, String>> digests =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return metadata.digests();
              } catch (IOException unreadable) {
                throw new UncheckedIOException(unreadable.getMessage(), unreadable);
              }
            });
    ImageBatch images;
    double secondsToFirst;
    try (StepProgress progress = new StepProgress(out, request.count())) {
      images = model.sample(request, cancellation, progress);
      secondsToFirst = progress.secondsToFirst();
    }
    Map<String, String> known = joined(digests);
    write(outputs, columns, images, known);
    report(secondsToFirst);
    if (rows != null) {
      rows.write(out, model, request, images, metadata.ofAll(known), cancellation);
    }
  }

  private static Map<String, String> joined(CompletableFuture<Map<String, String>> digests)
      throws IOException {
    try {
      return digests.join();
    } catch (CompletionException failed) {
      if (failed.getCause() instanceof UncheckedIOException unreadable) {
        throw unreadable.getCause();
      }
      throw failed;
    }
  }

  private void write(
      SampleOutputs outputs, int columns, ImageBatch images, Map<String, String> digests)
      throws IOException {
    if (outputs.npz() != null) {
      SampleBatchFile.write(outputs.npz(), request.count(), Optional.empty(), () -> images);
      out.println("wrote " + outputs.npz());
    }
    if (outputs.grid() != null) {
      outputs
          .layout(request.count(), columns, model.height(request), model.width(request))
          .write(outputs.grid(), images, metadata.ofAll(digests));
      out.println("wrote " + outputs.grid());
    }
    if (outputs.folder() != null) {
      for (int i = 0; i < request.count(); i++) {
        String name = "seed-" + request.seed() + "-image-" + (request.firstImage() + i) + ".png";
        ImageGrid.writeSingle(
            outputs.folder().resolve(name), images, i, metadata.ofImage(i, digests));
      }
      out.println("wrote " + Sizes.count(request.count(), "image") + " to " + outputs.folder());
    }
  }

  private void report(double secondsToFirst) {
    List<String> notices = new ArrayList<>(model.notices());
    notices.forEach(out::println);
    for (ComponentUse use : model.uses()) {
      out.println(
          use.name()
              + ": "
              + Sizes.decimal(use.openSeconds())
              + " s to open, "
              + Sizes.decimal(use.seconds())
              + " s, "
              + Sizes.bytes(use.bytes()));
    }
    out.println(
        "the first step began "
            + Sizes.decimal(secondsToFirst)
            + " s after the command; "
            + Sizes.count(model.evaluations(request), "network evaluation")
            + " per image");
  }
}
