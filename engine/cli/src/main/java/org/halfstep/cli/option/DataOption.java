package org.halfstep.cli.option;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.zip.CRC32;
import org.halfstep.cli.console.ErrorLine;
import org.halfstep.cli.console.InputException;
import org.halfstep.data.DatasetOptions;
import org.halfstep.data.Datasets;
import org.halfstep.data.ImageDataset;
import org.halfstep.data.Split;
import org.halfstep.image.Fit;
import picocli.CommandLine.Option;

/** The choice of training images. */
public final class DataOption {
  private static final Path DEFAULT = Path.of("data", "fashion-mnist");

  @Option(
      names = "--data",
      paramLabel = "FOLDER",
      description =
          "Images: IDX files (Fashion-MNIST, MNIST), CIFAR binary files, or PNG or JPEG files, in one sub-folder"
              + " per class or all in one folder (default: data/fashion-mnist, which 'make data' fills).")
  private Path folder;

  @Option(
      names = "--fit",
      paramLabel = "HOW",
      defaultValue = "crop",
      description =
          "How pictures become square: crop (their middle), pad (black bars) or squeeze (default: crop).")
  private Fit fit;

  public Path folder() {
    return folder == null ? DEFAULT : folder;
  }

  /** What model cards call the data: the folder's name. */
  public String name() {
    return folder().toAbsolutePath().normalize().getFileName().toString();
  }

  /** Opens the training images in the size that a network takes. */
  public ImageDataset open(int side, int channels) throws IOException {
    return open(DatasetOptions.of(Split.TRAIN).withSize(side, side, channels));
  }

  /**
   * The same, with labels that count through a model's classes.
   *
   * @param classes by name; empty where the model names none
   */
  public ImageDataset open(int side, int channels, List<String> classes) throws IOException {
    return open(DatasetOptions.of(Split.TRAIN).withSize(side, side, channels).withClasses(classes));
  }

  /** Opens images of any kind. */
  public ImageDataset open(DatasetOptions options) throws IOException {
    if (folder == null && !Files.exists(DEFAULT)) {
      throw new InputException(
          DEFAULT + ": there are no images yet; run 'make data', or name a folder with --data");
    }
    try {
      return Datasets.open(folder(), options.withFit(fit));
    } catch (FileSystemException e) {
      throw new InputException(ErrorLine.line(e), e);
    }
  }

  /** Says what people should know of how images were read. */
  public void note(ImageDataset data, PrintWriter out) {
    data.notes().forEach(line -> out.println("  " + line));
    out.flush();
  }

  /**
   * Mirrors photographs at random unless somebody said something else: a scene is as likely the
   * other way round, and twice the images are learned from.
   *
   * @param folder the run's; what a run that is there already does goes on
   * @param path of the setting
   */
  public void completeMirror(Settings settings, String path, Path folder, PrintWriter out)
      throws IOException {
    if (!Datasets.isOfPictures(folder()) || settings.isGiven(path)) {
      return;
    }
    Optional<JsonNode> before = Settings.ofRun(folder, path);
    boolean mirror = before.isEmpty() || before.get().asBoolean();
    settings.set(path, mirror);
    if (mirror) {
      out.println("pictures are mirrored at random (not so with --set " + path + "=false)");
      out.flush();
    }
  }

  /** What identifies the images in a run's configuration, wherever they lie. */
  public ObjectNode describe(ImageDataset data) {
    CRC32 sum = new CRC32();
    for (int i = 0; i < data.count(); i++) {
      sum.update(data.batch(i).pixels());
      sum.update(data.label(i));
    }
    ObjectNode node = Settings.JSON.createObjectNode();
    node.put("folder", folder().toString());
    node.put("images", data.count());
    node.put("classes", String.join(", ", data.classNames()));
    node.put("size", data.height() + "x" + data.width() + "x" + data.channels());
    if (fit != Fit.CROP) {
      node.put("fit", fit.name().toLowerCase(Locale.ROOT));
    }
    node.put("crc32", String.format(Locale.ROOT, "%08x", sum.getValue()));
    return node;
  }
}
