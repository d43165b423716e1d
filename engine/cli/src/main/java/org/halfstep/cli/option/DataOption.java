package org.halfstep.cli.option;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.CRC32;
import org.halfstep.cli.console.ErrorLine;
import org.halfstep.cli.console.InputException;
import org.halfstep.data.DatasetOptions;
import org.halfstep.data.Datasets;
import org.halfstep.data.ImageDataset;
import org.halfstep.data.Split;
import picocli.CommandLine.Option;

/** The choice of training images. */
public final class DataOption {
  private static final Path DEFAULT = Path.of("data", "fashion-mnist");

  @Option(
      names = "--data",
      paramLabel = "FOLDER",
      description =
          "Images: IDX files (Fashion-MNIST, MNIST), CIFAR binary files, or one sub-folder of PNG or JPEG files"
              + " per class (default: data/fashion-mnist, which 'make data' fills).")
  private Path folder;

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

  /** Opens images of any kind. */
  public ImageDataset open(DatasetOptions options) throws IOException {
    if (folder == null && !Files.exists(DEFAULT)) {
      throw new InputException(
          DEFAULT + ": there are no images yet; run 'make data', or name a folder with --data");
    }
    try {
      return Datasets.open(folder(), options);
    } catch (FileSystemException e) {
      throw new InputException(ErrorLine.line(e), e);
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
    node.put("crc32", String.format("%08x", sum.getValue()));
    return node;
  }
}
