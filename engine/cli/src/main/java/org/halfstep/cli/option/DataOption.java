package org.halfstep.cli.option;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32;
import org.halfstep.cli.console.ErrorLine;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Sizes;
import org.halfstep.data.CaptionOptions;
import org.halfstep.data.CaptionTemplate;
import org.halfstep.data.CaptionedPictures;
import org.halfstep.data.DatasetOptions;
import org.halfstep.data.Datasets;
import org.halfstep.data.ImageDataset;
import org.halfstep.data.Split;
import org.halfstep.files.FileDigest;
import org.halfstep.image.Fit;
import picocli.CommandLine.Option;

/** The choice of training images. */
public final class DataOption {
  private static final Path DEFAULT = Path.of("data", "fashion-mnist");

  /** Above this a small network begins to repeat its images. */
  private static final int OFTEN = 1000;

  /** Characters of all class names that a run's configuration lists. */
  private static final int LONGEST_CLASSES = 1 << 16;

  @Option(
      names = "--data",
      paramLabel = "FOLDER",
      description =
          "Images: IDX files (Fashion-MNIST, MNIST), CIFAR binary files, downsampled ImageNet's npz batches, PNG or JPEG files with a captions.tsv, or in one sub-folder"
              + " per class or all in one folder (default: data/fashion-mnist, which 'make data' fills).")
  private Path folder;

  @Option(
      names = "--fit",
      paramLabel = "HOW",
      defaultValue = "crop",
      description =
          "How pictures become square: crop (their middle), pad (black bars) or squeeze (default: crop).")
  private Fit fit;

  @Option(
      names = "--captions-as",
      paramLabel = "TEMPLATE",
      description =
          "What captions are made of, drawn anew for each example: columns of captions.tsv in"
              + " braces, such as \"{label}, {style} style\" or \"{caption}\"; several are equally"
              + " likely (default: \"{label}\", \"{label}, {style} style\" and \"{tags}\" where"
              + " pictures have labels, else \"{caption}\"). For models that read texts.")
  private List<String> templates = List.of();

  public Path folder() {
    return folder == null ? DEFAULT : folder;
  }

  /** Whether they were chosen on the command line. */
  public boolean isGiven() {
    return folder != null;
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

  /**
   * Opens images that are not learned from.
   *
   * @param classes by name, of the training images
   * @param most of them, evenly spread over all
   * @return empty where all are learned from; closed by the caller
   */
  public Optional<ImageDataset> openHeldOut(int side, int channels, List<String> classes, int most)
      throws IOException {
    if (!Datasets.hasSplits(folder())) {
      return Optional.empty();
    }
    DatasetOptions options =
        DatasetOptions.of(Split.TEST).withSize(side, side, channels).withClasses(classes);
    return Optional.of(open(options).spread(most));
  }

  /**
   * What is known of the training images where they are pictures with a table of captions, picture
   * i of image i; else null.
   */
  public CaptionedPictures captioned() throws IOException {
    return hasCaptions() ? requireCaptioned() : null;
  }

  /** Whether a table of captions lies beside the images. */
  public boolean hasCaptions() {
    return CaptionedPictures.hasTable(folder());
  }

  /**
   * The captions of the training images, by a table or by texts beside them.
   *
   * @throws IOException in one line, when the images are no pictures with captions
   */
  public CaptionedPictures requireCaptioned() throws IOException {
    return captioned(options -> CaptionedPictures.open(folder(), options));
  }

  /**
   * The captions of pictures that are not learned from.
   *
   * @param most of them, evenly spread over all
   * @return empty where all are learned from
   */
  public Optional<CaptionedPictures> heldOutCaptioned(int most) throws IOException {
    return captioned(options -> CaptionedPictures.openHeldOut(folder(), options.withMost(most)));
  }

  /** Reads captions, told as it was asked for. */
  @FunctionalInterface
  private interface CaptionReading<T> {
    T read(CaptionOptions options) throws IOException;
  }

  private <T> T captioned(CaptionReading<T> reading) throws IOException {
    try {
      return reading.read(CaptionOptions.training().withTemplates(CaptionTemplate.list(templates)));
    } catch (IllegalArgumentException wrong) {
      throw new InputException("--captions-as: " + wrong.getMessage(), wrong);
    } catch (FileSystemException e) {
      throw new InputException(ErrorLine.line(e), e);
    }
  }

  /** Opens captioned pictures in the size that a network takes, image i of picture i. */
  public ImageDataset open(CaptionedPictures pictures, int side, int channels) throws IOException {
    return pictures.load(
        DatasetOptions.of(Split.TRAIN).withSize(side, side, channels).withFit(fit));
  }

  /** Opens images of any kind. */
  public ImageDataset open(DatasetOptions options) throws IOException {
    if (folder == null && !Files.exists(DEFAULT)) {
      throw new InputException(
          DEFAULT
              + ": there are no images here yet; run 'make data', or name a folder with --data");
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
   * Mirrors photographs at random unless the settings say otherwise: a scene is as likely the other
   * way round, and there are twice as many images to learn from. Pictures with captions are not:
   * these may say left and right, or name letters and flags.
   *
   * @param folder the run's; a run that is there already keeps what it does
   * @param path of the setting
   * @param followsCaptions whether what is trained learns from captions or the labels beside them
   */
  public void completeMirror(
      Settings settings, String path, Path folder, boolean followsCaptions, PrintWriter out)
      throws IOException {
    if (!Datasets.isOfPictures(folder()) || settings.isGiven(path)) {
      return;
    }
    Optional<JsonNode> before = Settings.ofRun(folder, path);
    boolean mirror = before.isEmpty() ? !followsCaptions : before.get().asBoolean();
    settings.set(path, mirror);
    if (mirror) {
      out.println("pictures are mirrored at random (not so with --set " + path + "=false)");
    } else if (followsCaptions) {
      out.println(
          "pictures are not mirrored: captions may say left and right (--set "
              + path
              + "=true mirrors them)");
    }
    out.flush();
  }

  /**
   * Says how often each image will be seen, and what helps where that is so often that a network
   * would memorise them.
   *
   * @param draws examples that the whole run draws
   * @param dropout path of the setting and its value, where there is one
   */
  public void noteRepeats(
      ImageDataset data, long draws, Optional<Map.Entry<String, Double>> dropout, PrintWriter out) {
    long times = draws / data.count();
    if (times < OFTEN) {
      return;
    }
    String hint =
        dropout
            .filter(setting -> setting.getValue() == 0)
            .map(setting -> ", or --set " + setting.getKey() + "=0.1")
            .orElse("");
    out.println(
        "each of "
            + Sizes.count(data.count(), "image")
            + " is seen about "
            + Sizes.whole(times)
            + " times: more images, fewer updates"
            + hint
            + " keep a network from memorising them");
    out.flush();
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
    describeClasses(data.classNames(), node);
    node.put("size", data.height() + "x" + data.width() + "x" + data.channels());
    if (fit != Fit.CROP) {
      node.put("fit", fit.name().toLowerCase(Locale.ROOT));
    }
    describeTemplates(node);
    node.put("crc32", String.format(Locale.ROOT, "%08x", sum.getValue()));
    return node;
  }

  /** What captions are made of, where it was said. */
  public void describeTemplates(ObjectNode node) {
    if (!templates.isEmpty()) {
      templates.forEach(node.putArray("captionsAs")::add);
    }
  }

  /** Their names; of more than a file of settings should hold, number and digest. */
  private static void describeClasses(List<String> names, ObjectNode node) {
    String all = String.join(", ", names);
    if (all.length() <= LONGEST_CLASSES) {
      node.put("classes", all);
      return;
    }
    byte[] text = Settings.JSON.valueToTree(names).toString().getBytes(StandardCharsets.UTF_8);
    String digest = HexFormat.of().formatHex(FileDigest.begin().digest(text));
    node.putObject("classes").put("count", names.size()).put("sha256", digest);
  }
}
