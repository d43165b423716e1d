package org.halfstep.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.halfstep.files.DataException;

/** Opens a dataset of any kind by what lies in its folder. */
public final class Datasets {
  static final int DEFAULT_CHANNELS = 3;

  private Datasets() {}

  /**
   * Opens a folder of IDX files ({@link IdxFiles}), CIFAR binary files ({@link CifarFiles}),
   * batches of downsampled ImageNet ({@link DownsampledImageNet}), or pictures, with a table of
   * captions ({@link CaptionedPictures}), in one sub-folder per class or all in one ({@link
   * ImageFolder}); pictures need a size, and are RGB by default. The images of the first three have
   * one size: asking for another is refused.
   *
   * @throws DataException in one line, when the folder is of no known kind or its files cannot be
   *     used
   */
  public static ImageDataset open(Path folder, DatasetOptions options) throws IOException {
    ImageDataset dataset = openAsIs(folder, options);
    if (options.classes().isEmpty()) {
      return dataset;
    }
    try {
      return dataset.withClasses(options.classes(), folder, "the model");
    } catch (Throwable failure) {
      dataset.close();
      throw failure;
    }
  }

  /** Whether a folder has a part of its own for each split; other folders are one whole. */
  public static boolean hasSplits(Path folder) throws IOException {
    return CaptionedPictures.hasSplits(folder)
        || IdxFiles.isIdxFolder(folder)
        || CifarFiles.isCifarFolder(folder)
        || DownsampledImageNet.matches(folder)
        || ImageFolder.hasSplits(folder);
  }

  /** Whether a folder has pictures in files of their own, photographs perhaps. */
  public static boolean isOfPictures(Path folder) {
    return !IdxFiles.isIdxFolder(folder) && !CifarFiles.isCifarFolder(folder);
  }

  private static ImageDataset openAsIs(Path folder, DatasetOptions options) throws IOException {
    if (!Files.isDirectory(folder)) {
      throw new DataException(
          folder,
          "expected a folder with a dataset, found "
              + (Files.exists(folder) ? "a file" : "nothing"));
    }
    if (IdxFiles.isIdxFolder(folder)) {
      return ofSize(folder, options, IdxFiles.open(folder, options.split()));
    }
    if (CifarFiles.isCifarFolder(folder)) {
      return ofSize(folder, options, CifarFiles.open(folder, options.split()));
    }
    if (DownsampledImageNet.matches(folder)) {
      return ofSize(folder, options, DownsampledImageNet.open(folder, options.split()));
    }
    boolean captioned = CaptionedPictures.hasTable(folder);
    if (!captioned
        && PictureFiles.subFolders(folder).isEmpty()
        && PictureFiles.in(folder).isEmpty()) {
      Map<String, Integer> others = PictureFiles.in(folder).others();
      throw new DataException(
          folder,
          "expected IDX files (train-images-idx3-ubyte.gz, ...), CIFAR binary files (data_batch_1.bin or train.bin, with"
              + " their class names), ImageNet's train_data_batch_1.npz, ..., or PNG or JPEG files, in one sub-folder per class or all here, found "
              + (others.isEmpty() ? "none of these" : PictureFiles.list(others)));
    }
    if (options.height() == 0) {
      throw new DataException(
          folder, "is a folder of images: say the height and width to resize them to");
    }
    if (captioned) {
      return CaptionedPictures.load(folder, options);
    }
    int channels = options.channels() == 0 ? DEFAULT_CHANNELS : options.channels();
    return ImageFolder.open(folder, options.withSize(options.height(), options.width(), channels));
  }

  private static ImageDataset ofSize(Path folder, DatasetOptions options, ImageDataset dataset)
      throws IOException {
    List<Integer> wanted = List.of(options.height(), options.width(), options.channels());
    List<Integer> found = List.of(dataset.height(), dataset.width(), dataset.channels());
    for (int i = 0; i < wanted.size(); i++) {
      if (wanted.get(i) != 0 && !wanted.get(i).equals(found.get(i))) {
        dataset.close();
        throw new DataException(
            folder,
            "expected images of "
                + describe(wanted)
                + ", found "
                + describe(found)
                + "; only a folder of images is resized");
      }
    }
    return dataset;
  }

  private static String describe(List<Integer> size) {
    return size.get(0)
        + "x"
        + size.get(1)
        + (size.get(2) == 0 ? "" : " with " + size.get(2) + " channel(s)");
  }
}
