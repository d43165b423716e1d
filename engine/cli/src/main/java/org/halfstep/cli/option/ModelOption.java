package org.halfstep.cli.option;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.halfstep.cli.console.ErrorLine;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Sizes;
import org.halfstep.device.Device;
import org.halfstep.files.FileDigest;
import org.halfstep.sample.Condition;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.SampleRequest;
import picocli.CommandLine.Option;

/** The choice of a model: a file, or the name of a bundled one. */
public final class ModelOption {
  @Option(
      names = "--model",
      paramLabel = "FILE|NAME",
      description =
          "A weights file, the name of a bundled model (see 'halfstep info'), or a latent model: a"
              + " folder of diffusers or a single file.")
  private String model;

  public boolean isGiven() {
    return model != null;
  }

  /** What was given; {@code fallback} when nothing was. */
  public String orElse(String fallback) {
    return model == null ? fallback : model;
  }

  /** What was given, else the fastest bundled model with more than two steps, else any. */
  public String orBundled() {
    if (model != null) {
      return model;
    }
    List<String> names = DiffusionModel.bundledNames();
    if (names.isEmpty()) {
      throw new InputException(
          "no models are bundled with this build: name a weights file with --model FILE");
    }
    return names.stream().filter(name -> name.endsWith("-4")).findFirst().orElse(names.getFirst());
  }

  /**
   * Opens a model by file or bundled name; every failure is reported as the user's input.
   *
   * @param device stays the caller's
   */
  public static DiffusionModel open(String choice, Device device) {
    return open(choice, ModelOptions.standard().withDevice(device));
  }

  /**
   * The same with all options.
   *
   * @throws InputException also for a latent model
   */
  public static DiffusionModel open(String choice, ModelOptions options) {
    DiffusionModel model = openAny(choice, options);
    if (model.isLatent()) {
      model.close();
      throw new InputException(
          choice + ": is a latent model; this command takes models of pixels, Halfstep's own");
    }
    return model;
  }

  /** What was given, for commands that have no model of their own to take. */
  public String required() {
    if (model == null) {
      throw new InputException(
          "name a latent model with --model PATH: a folder of diffusers, or a single file");
    }
    return model;
  }

  /**
   * Opens a latent model.
   *
   * @throws InputException also for a model of pixels
   */
  public static DiffusionModel openLatent(String choice, ModelOptions options) {
    DiffusionModel model = openAny(choice, options);
    if (!model.isLatent()) {
      model.close();
      throw new InputException(
          choice + ": is a model of pixels; pictures are edited with latent models");
    }
    return model;
  }

  /** Opens a model of pixels, or a latent one. */
  public static DiffusionModel openAny(String choice, ModelOptions options) {
    try {
      if (Files.exists(Path.of(choice))) {
        return DiffusionModel.open(Path.of(choice), options);
      }
      if (choice.contains("/") || choice.contains(".")) {
        throw new InputException(choice + ": there is no such file");
      }
      return DiffusionModel.bundled(choice, options);
    } catch (FileSystemException e) {
      throw new InputException(ErrorLine.line(e), e);
    } catch (IOException e) {
      throw new InputException(e.getMessage(), e);
    }
  }

  /** Whether a choice names a model that comes with this build, and no file. */
  public static boolean isBundled(String choice) {
    return !Files.exists(Path.of(choice))
        && (DiffusionModel.bundledNames().contains(choice)
            || DiffusionModel.bundledLatentNames().contains(choice));
  }

  /** One line about a model. */
  public static String describe(DiffusionModel model, String choice) {
    String role =
        switch (model.card().role()) {
          case TEACHER -> "teacher";
          case GUIDED -> "stage-one model";
          case STUDENT ->
              (model.card().encodes() ? "encoder of " : "student of ")
                  + Sizes.count(model.card().steps(), "step");
          case NAIVE -> "naive student of " + Sizes.count(model.card().steps(), "step");
        };
    SampleRequest usual = model.request(Condition.none(1));
    return choice
        + ": "
        + (model.isLatent() ? "latent " : "")
        + role
        + ", "
        + model.width(usual)
        + "x"
        + model.height(usual)
        + "x"
        + model.channels()
        + ", "
        + Sizes.count(model.parameters(), "parameter")
        + " ("
        + Sizes.bytes(Float.BYTES * model.parameters())
        + ")";
  }

  /**
   * SHA-256 of a weights file, or the empty text for a bundled model, which the version identifies.
   */
  public static String checksum(String choice) throws IOException {
    Path file = Path.of(choice);
    if (!Files.isRegularFile(file)) {
      return "";
    }
    return FileDigest.sha256(file);
  }
}
