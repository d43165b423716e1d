package org.halfstep.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.halfstep.files.DataException;
import org.halfstep.image.Fit;

/**
 * Reader of a folder with one sub-folder of PNG and JPEG files per class, in order of name (as
 * numbers where all names are), or with all files in it, which are one class then. Images are
 * brought to the shape wanted as {@link Fit} says and resized with a Lanczos filter. A dataset that
 * has the sub-folders {@code train} and {@code test} is read from these, and a class has the number
 * that it has in {@code train}.
 */
final class ImageFolder {
  private static final String TRAIN = "train";
  private static final String TEST = "test";
  private static final int NAMED_FOLDERS = 4;

  private final Path root;
  private final List<String> classNames = new ArrayList<>();
  private final List<Path> files = new ArrayList<>();
  private final List<Integer> labels = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();
  private final Map<String, Integer> others = new TreeMap<>();

  private ImageFolder(Path root) {
    this.root = root;
  }

  /**
   * Reads all images of a split.
   *
   * @param folder one sub-folder per class, or {@code train} and {@code test} with these; without
   *     these two only {@link Split#TRAIN} is there
   * @param options with a size and a number of channels; {@link DatasetOptions#classes} is left to
   *     the caller
   * @throws DataException when a class has no image, or an image is truncated, damaged or of
   *     another format
   */
  static ImageDataset open(Path folder, DatasetOptions options) throws IOException {
    Path root = splitFolder(folder, options.split());
    ImageFolder found = new ImageFolder(root);
    found.collect();
    if (!root.equals(folder)) {
      found.noteBeside(folder);
    }
    PictureFiles.leftOut(root, found.others).ifPresent(found.notes::add);
    ImageDataset dataset =
        new DecodedPictures(options)
            .load(
                found.files,
                found.labels.stream().mapToInt(Integer::intValue).toArray(),
                found.classNames,
                found.notes);
    try {
      return options.split() == Split.TEST
          ? dataset.withClasses(
              classNames(splitFolder(folder, Split.TRAIN)), root, "the train split")
          : dataset;
    } catch (Throwable failure) {
      dataset.close();
      throw failure;
    }
  }

  /** Whether a folder keeps train and test images apart. */
  static boolean hasSplits(Path folder) throws IOException {
    return split(folder, TRAIN).isPresent() && split(folder, TEST).isPresent();
  }

  private static Path splitFolder(Path folder, Split split) throws IOException {
    Optional<Path> train = split(folder, TRAIN);
    // A class may be called "train" as well; then the folder has images in it, not classes.
    if (train.isEmpty() || PictureFiles.subFolders(train.get()).isEmpty()) {
      if (split == Split.TEST) {
        throw new DataException(
            folder,
            "has no sub-folders train and test, so there is no test split; the whole folder is the"
                + " train split");
      }
      return folder;
    }
    if (split == Split.TRAIN) {
      return train.get();
    }
    return split(folder, TEST)
        .orElseThrow(() -> new DataException(folder, "has a sub-folder train but none named test"));
  }

  /** The sub-folder of this name, in small or capital letters. */
  private static Optional<Path> split(Path folder, String name) throws IOException {
    List<Path> named =
        PictureFiles.subFolders(folder).stream()
            .filter(path -> path.getFileName().toString().equalsIgnoreCase(name))
            .toList();
    return named.stream()
        .filter(path -> path.getFileName().toString().equals(name))
        .findFirst()
        .or(() -> named.stream().findFirst());
  }

  private static List<Path> classFolders(Path root) throws IOException {
    return ClassNames.ordered(PictureFiles.subFolders(root), path -> path.getFileName().toString());
  }

  private static List<String> classNames(Path root) throws IOException {
    return classFolders(root).stream().map(path -> path.getFileName().toString()).toList();
  }

  private void collect() throws IOException {
    List<Path> folders = classFolders(root);
    if (folders.isEmpty()) {
      add(root.toAbsolutePath().normalize().getFileName().toString(), PictureFiles.below(root));
      if (files.isEmpty()) {
        throw none(root, "PNG or JPEG files, in one sub-folder per class or all here");
      }
      notes.add(root + ": has no sub-folders, so its pictures are one class");
      return;
    }
    for (Path folder : folders) {
      PictureFiles found = PictureFiles.below(folder);
      add(folder.getFileName().toString(), found);
      if (found.isEmpty()) {
        throw none(folder, "PNG or JPEG files of one class");
      }
    }
    int loose = PictureFiles.in(root).files().size();
    if (loose > 0) {
      notes.add(
          "left out of "
              + root
              + ": "
              + (loose == 1 ? "1 picture" : loose + " pictures")
              + " beside the class folders, in no class");
    }
  }

  private void add(String name, PictureFiles found) {
    found
        .files()
        .forEach(
            file -> {
              files.add(file);
              labels.add(classNames.size());
            });
    found.others().forEach((ending, count) -> others.merge(ending, count, Integer::sum));
    classNames.add(name);
  }

  private DataException none(Path folder, String expected) {
    return new DataException(
        folder,
        "expected "
            + expected
            + ", found "
            + (others.isEmpty() ? "none" : PictureFiles.list(others)));
  }

  /** Folders beside train and test, which nothing reads. */
  private void noteBeside(Path folder) throws IOException {
    List<String> beside =
        PictureFiles.subFolders(folder).stream()
            .map(path -> path.getFileName().toString())
            .filter(name -> !name.equalsIgnoreCase(TRAIN) && !name.equalsIgnoreCase(TEST))
            .toList();
    if (!beside.isEmpty()) {
      notes.add(
          "left out of "
              + folder
              + ": "
              + String.join(", ", beside.subList(0, Math.min(NAMED_FOLDERS, beside.size())))
              + (beside.size() > NAMED_FOLDERS ? ", ..." : "")
              + "; only train and test are read");
    }
  }
}
