package org.halfstep.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.halfstep.model.BundledFile;

/**
 * The latent models that come with the engine: a UNet in a file of its own for each, and one first
 * stage and one text encoder for all of them.
 */
public final class BundledCheckpoint {
  /** Begins the names of all their files. */
  public static final String FAMILY = "pictures";

  private static final String AUTOENCODER = "autoencoder";
  private static final String TEXT = "text";
  private static final String TEACHER = "teacher";
  private static final String INPAINTING = "inpainting";

  /** Teacher first, then fewer and fewer steps, then what paints a part of a picture. */
  private static final List<String> NAMES =
      List.of(
          FAMILY + "-" + TEACHER,
          FAMILY + "-4",
          FAMILY + "-2",
          FAMILY + "-1",
          FAMILY + "-" + INPAINTING + "-4");

  private BundledCheckpoint() {}

  /** The name of the file that all models take their first stage from. */
  public static String autoencoder(String family) {
    return family + "-" + AUTOENCODER;
  }

  /** The name of the file that all models take their text encoder from. */
  public static String text(String family) {
    return family + "-" + TEXT;
  }

  /** The name of a teacher. */
  public static String teacher(String family) {
    return family + "-" + TEACHER;
  }

  /** The name of a student. */
  public static String student(String family, boolean isInpainting, int steps) {
    return family + "-" + (isInpainting ? INPAINTING + "-" : "") + steps;
  }

  /** Names of the models that are there whole. */
  public static List<String> names() {
    boolean shared = BundledFile.exists(autoencoder(FAMILY)) && BundledFile.exists(text(FAMILY));
    return shared ? NAMES.stream().filter(BundledFile::exists).toList() : List.of();
  }

  /**
   * Opens one of {@link #names}.
   *
   * @throws IOException in one line, when a file is damaged
   */
  public static Checkpoint open(String name) throws IOException {
    return BundledFile.read(
        name,
        unet ->
            BundledFile.read(
                autoencoder(FAMILY),
                autoencoder ->
                    BundledFile.read(
                        text(FAMILY),
                        text ->
                            ComponentFile.open(Path.of(name), List.of(unet, autoencoder, text)))));
  }
}
