package org.halfstep.data;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.halfstep.files.DataException;
import org.halfstep.random.WeightedOrder;

/**
 * Pictures with captions: a folder with a {@code captions.tsv} (a header with the columns {@code
 * file} and {@code caption} at least, values apart by tabs), or with a {@code .txt} beside each
 * picture. Their pixels are not held: they are loaded or read one after the other in the size
 * wanted, in the order of this list.
 */
public final class CaptionedPictures {
  /** Files beside pictures that nobody takes for pictures left out. */
  private static final Set<String> TEXTS = Set.of(".tsv", ".txt", ".md", ".json", ".csv");

  private final Path folder;
  private final List<CaptionedPicture> pictures;
  private final List<String> classNames;
  private final CaptionTexts texts;
  private final List<String> notes;

  /**
   * @param all the pictures of all splits, whose labels are the classes
   */
  private CaptionedPictures(
      Path folder,
      List<CaptionedPicture> all,
      List<CaptionedPicture> pictures,
      List<CaptionTemplate> templates,
      List<String> notes) {
    this.folder = folder;
    this.pictures = List.copyOf(pictures);
    this.notes = List.copyOf(notes);
    this.classNames = all.stream().map(CaptionedPicture::label).distinct().sorted().toList();
    boolean labelled = all.stream().anyMatch(picture -> !picture.label().isEmpty());
    this.texts =
        new CaptionTexts(
            pictures, templates.isEmpty() && labelled ? CaptionOptions.LABELLED : templates);
  }

  /** Whether a folder has a table of captions. */
  public static boolean hasTable(Path folder) {
    return CaptionTable.isIn(folder);
  }

  /**
   * Reads the captions, and finds the pictures of them.
   *
   * @throws DataException in one line, when there are none, a table cannot be understood, or names
   *     what is not there; and when a template or split is meant that no picture has
   */
  public static CaptionedPictures open(Path folder, CaptionOptions options) throws IOException {
    if (!Files.isDirectory(folder)) {
      throw new DataException(
          folder,
          "expected a folder of pictures with captions, found "
              + (Files.exists(folder) ? "a file" : "nothing"));
    }
    PictureFiles found = PictureFiles.below(folder);
    List<String> notes = new ArrayList<>();
    List<CaptionedPicture> all =
        hasTable(folder) ? ofTable(folder, found, notes) : ofFiles(folder, found, notes);
    Map<String, Integer> others = new TreeMap<>(found.others());
    others.keySet().removeAll(TEXTS);
    PictureFiles.leftOut(folder, others).ifPresent(notes::add);
    requireColumns(folder, all, options.templates());
    return new CaptionedPictures(
        folder,
        all,
        spread(chosen(folder, all, options.splits()), options.most()),
        options.templates(),
        notes);
  }

  /**
   * The pictures that are not learned from, of any split.
   *
   * @param options whose splits are passed over
   * @return empty where all are learned from
   */
  public static Optional<CaptionedPictures> openHeldOut(Path folder, CaptionOptions options)
      throws IOException {
    return hasSplits(folder)
        ? Optional.of(open(folder, options.withSplits(otherSplits(folder))))
        : Optional.empty();
  }

  private static List<CaptionedPicture> spread(List<CaptionedPicture> pictures, int most) {
    if (most == 0 || pictures.size() <= most) {
      return pictures;
    }
    return IntStream.range(0, most)
        .mapToObj(i -> pictures.get((int) ((long) i * pictures.size() / most)))
        .toList();
  }

  private static List<CaptionedPicture> ofTable(Path folder, PictureFiles found, List<String> notes)
      throws IOException {
    List<CaptionedPicture> pictures = CaptionTable.read(folder, found);
    Set<Path> unnamed = new HashSet<>(found.files());
    for (CaptionedPicture picture : pictures) {
      unnamed.remove(picture.file());
      picture.sizes().values().forEach(unnamed::remove);
    }
    noteLeftOut(folder, unnamed.size(), "that " + CaptionTable.NAME + " does not name", notes);
    return pictures;
  }

  private static List<CaptionedPicture> ofFiles(Path folder, PictureFiles found, List<String> notes)
      throws IOException {
    CaptionFiles captions = CaptionFiles.read(found);
    if (captions.pictures().isEmpty()) {
      throw new DataException(
          folder,
          "expected captions: a "
              + CaptionTable.NAME
              + " with the columns file and caption, or a .txt beside each PNG or JPEG file; found "
              + (found.isEmpty() ? "no pictures" : found.files().size() + " pictures without any"));
    }
    noteLeftOut(folder, captions.without(), "without a caption beside them", notes);
    return captions.pictures();
  }

  private static void noteLeftOut(Path folder, int count, String why, List<String> notes) {
    if (count > 0) {
      notes.add(
          "left out of " + folder + ": " + count + (count == 1 ? " picture " : " pictures ") + why);
    }
  }

  private static void requireColumns(
      Path folder, List<CaptionedPicture> pictures, List<CaptionTemplate> templates)
      throws DataException {
    Set<String> known = new TreeSet<>(Set.of(CaptionedPicture.CAPTION));
    pictures.forEach(picture -> known.addAll(picture.columns().keySet()));
    for (CaptionTemplate template : templates) {
      for (String column : template.columns()) {
        if (!known.contains(column)) {
          throw new DataException(
              folder,
              "captions as \""
                  + template
                  + "\": no picture has \""
                  + column
                  + "\"; there are "
                  + String.join(", ", known));
        }
      }
    }
  }

  private static List<CaptionedPicture> chosen(
      Path folder, List<CaptionedPicture> pictures, Set<String> splits) throws DataException {
    if (splits.isEmpty()) {
      return pictures;
    }
    Set<String> known =
        pictures.stream()
            .map(CaptionedPicture::split)
            .collect(Collectors.toCollection(TreeSet::new));
    for (String split : new TreeSet<>(splits)) {
      if (!known.contains(split)) {
        throw new DataException(
            folder,
            "no picture is of the split \"" + split + "\"; there are " + String.join(", ", known));
      }
    }
    return pictures.stream().filter(picture -> splits.contains(picture.split())).toList();
  }

  /**
   * Loads the pictures that are learned from, or all others.
   *
   * @throws DataException as {@link #open}, and when there are none of that kind
   */
  static ImageDataset load(Path folder, DatasetOptions options) throws IOException {
    boolean forTest = options.split() == Split.TEST;
    CaptionedPictures pictures =
        forTest ? heldOut(folder) : open(folder, CaptionOptions.training());
    return pictures.load(options);
  }

  /**
   * The pictures of a table that are not learned from, of all splits.
   *
   * @throws DataException as {@link #open}, and when there are none
   */
  public static CaptionedPictures heldOut(Path folder) throws IOException {
    String[] others = hasTable(folder) ? otherSplits(folder) : new String[0];
    if (others.length == 0) {
      throw new DataException(
          folder.resolve(CaptionTable.NAME),
          "names no split but " + CaptionedPicture.TRAIN + ", so there is no test split");
    }
    return open(folder, CaptionOptions.training().withSplits(others));
  }

  /** Whether a folder has pictures that are not learned from. */
  static boolean hasSplits(Path folder) throws IOException {
    return hasTable(folder) && otherSplits(folder).length > 0;
  }

  private static String[] otherSplits(Path folder) throws IOException {
    return CaptionTable.read(folder, PictureFiles.below(folder)).stream()
        .map(CaptionedPicture::split)
        .filter(split -> !split.equals(CaptionedPicture.TRAIN))
        .distinct()
        .toArray(String[]::new);
  }

  /** Number of pictures. */
  public int count() {
    return pictures.size();
  }

  /**
   * What is known of a picture.
   *
   * @throws IndexOutOfBoundsException if there is no such
   */
  public CaptionedPicture picture(int index) {
    return pictures.get(index);
  }

  /** What they may be called. */
  public CaptionTexts texts() {
    return texts;
  }

  /** Which picture an example of a run is of, by the pictures' weights. */
  public WeightedOrder order(long seed) {
    return new WeightedOrder(
        seed, pictures.stream().mapToDouble(CaptionedPicture::weight).toArray());
  }

  /** What people should know of how they were found, a line each: what was left out. */
  public List<String> notes() {
    return notes;
  }

  /**
   * Loads all pictures in one size, picture i of this list as image i. Labels are classes, the same
   * ones for all splits, where every picture has one; otherwise all are of one class.
   *
   * @param options with a size; RGB unless it says something else
   */
  public ImageDataset load(DatasetOptions options) throws IOException {
    DatasetOptions wanted = complete(options);
    List<String> names =
        classNames.contains("")
            ? List.of(folder.toAbsolutePath().normalize().getFileName().toString())
            : classNames;
    Map<String, Integer> numbers = new HashMap<>();
    for (String name : names) {
      numbers.put(name, numbers.size());
    }
    int[] labels =
        pictures.stream().mapToInt(picture -> numbers.getOrDefault(picture.label(), 0)).toArray();
    return new DecodedPictures(wanted).load(files(wanted), labels, names, notes);
  }

  /** The same pictures one after the other, decoded as they are asked for. */
  public ImageSource images(DatasetOptions options) {
    DatasetOptions wanted = complete(options);
    return new PictureStream(files(wanted), wanted, notes);
  }

  private static DatasetOptions complete(DatasetOptions options) {
    if (options.height() == 0) {
      throw new IllegalArgumentException("expected the size to bring pictures to");
    }
    return options.channels() != 0
        ? options
        : options.withSize(options.height(), options.width(), Datasets.DEFAULT_CHANNELS);
  }

  private List<Path> files(DatasetOptions options) {
    return pictures.stream()
        .map(picture -> picture.file(options.height(), options.width()))
        .toList();
  }

  /**
   * SHA-256 of what is known of the pictures beside their pixels, in hexadecimal: captions that are
   * drawn, weights, splits, labels, in order; not where they lie.
   */
  public String sha256() {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (int i = 0; i < pictures.size(); i++) {
        CaptionedPicture picture = pictures.get(i);
        update(digest, picture.weight() + " " + picture.captions().size());
        picture.captions().forEach(caption -> update(digest, caption));
        new TreeMap<>(picture.columns())
            .forEach(
                (column, value) -> {
                  update(digest, column);
                  update(digest, value);
                });
        update(digest, texts.numbersOf(i));
      }
      texts.all().forEach(text -> update(digest, text));
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void update(MessageDigest digest, String text) {
    digest.update(text.getBytes(StandardCharsets.UTF_8));
    digest.update((byte) 0);
  }
}
