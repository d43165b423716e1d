package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.halfstep.cli.console.StopSignal;
import org.halfstep.cli.option.EditOptions;
import org.halfstep.cli.option.LatentOption;
import org.halfstep.cli.option.MemoryOption;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.cli.option.PrecisionOption;
import org.halfstep.device.Device;
import org.halfstep.sample.Cancellation;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.LatentOptions;
import org.halfstep.sample.SampleRequest;
import picocli.CommandLine.Mixin;

/** What the commands that begin with a picture share: their options, and the way to the files. */
final class EditedPictures {
  @Mixin private ModelOption model;
  @Mixin private MemoryOption memory;
  @Mixin private PrecisionOption precision;
  @Mixin private EditOptions options;
  @Mixin private LatentOption latent;

  /** How one of the commands edits: the change of its picture, and what makes it again. */
  interface Editing extends EditOptions.Change {
    /** Its name. */
    String command();

    /** The options that name a picture beside {@code --image}, with the picture. */
    Map<String, Path> inputs();

    /** Its own options, as they are typed. */
    List<String> words();

    /** The file of a row of growing strengths; null for none. */
    default Path strip() {
      return null;
    }

    /** A line about what was made, after it was written. */
    default Optional<String> afterwards(
        DiffusionModel opened, SampleRequest request, Cancellation cancellation) {
      return Optional.empty();
    }

    /** A line about what this model will not do well with the request. */
    default Optional<String> warning(DiffusionModel opened, SampleRequest request) {
      return Optional.empty();
    }
  }

  /**
   * Makes and writes the pictures.
   *
   * @return the exit code
   */
  int run(Halfstep halfstep, PrintWriter out, Editing editing) throws IOException {
    String choice = model.required();
    EditRows rows = new EditRows(options.beside(), editing.strip());
    // A strip asks the model again and again.
    LatentOptions parts =
        rows.strip() == null
            ? latent.options()
            : latent.options().withResidency(LatentOptions.Residency.KEEP);
    Cancellation cancellation = new Cancellation();
    try (Device device = halfstep.openDevice();
        DiffusionModel opened =
            ModelOption.openLatent(
                choice, memory.on(device).withPrecision(precision.on(device)).withLatent(parts));
        StopSignal stop = new StopSignal(cancellation::cancel)) {
      SampleRequest request = options.request(opened, editing);
      Map<String, Path> inputs = new LinkedHashMap<>();
      inputs.put("--image", options.image());
      inputs.putAll(editing.inputs());
      List<String> words = new ArrayList<>(editing.words());
      words.addAll(halfstep.words(memory, precision));
      LatentMetadata metadata =
          new LatentMetadata(editing.command(), choice, opened, latent, request, inputs, words);
      editing.warning(opened, request).ifPresent(out::println);
      int code =
          new LatentWork(out, metadata)
              .run(
                  new SampleOutputs(options.grid(), null, options.folder(), null),
                  options.kinds(),
                  rows,
                  cancellation,
                  stop);
      if (code == 0) {
        editing.afterwards(opened, request, cancellation).ifPresent(out::println);
      }
      return code;
    }
  }
}
