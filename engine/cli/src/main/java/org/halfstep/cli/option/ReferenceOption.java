package org.halfstep.cli.option;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.halfstep.cli.console.ErrorLine;
import org.halfstep.cli.console.ImageProgress;
import org.halfstep.cli.console.InputException;
import org.halfstep.data.DatasetOptions;
import org.halfstep.data.Datasets;
import org.halfstep.data.ImageDataset;
import org.halfstep.data.ImageSource;
import org.halfstep.data.SampleBatchFile;
import org.halfstep.data.Split;
import org.halfstep.files.FileDigest;
import org.halfstep.image.ImageBatch;
import org.halfstep.metrics.FeatureExtractor;
import org.halfstep.metrics.FeatureMoments;
import org.halfstep.metrics.ReferenceFile;
import org.halfstep.metrics.ReferenceImages;
import org.halfstep.metrics.ReferenceMeter;
import org.halfstep.metrics.ReferenceStatistics;
import org.halfstep.numpy.NpzFile;
import picocli.CommandLine.Option;

/** The choice of the real images that generated ones are compared with. */
public final class ReferenceOption {
  private static final Path DEFAULT = Path.of("data", "fashion-mnist");
  private static final int HASHED_TOGETHER = 256;

  @Option(
      names = "--reference",
      paramLabel = "FOLDER|FILE",
      description =
          "Real images: a dataset's folder as --data of train takes it, an .npz of images (arr_0),"
              + " or an .npz of statistics (mu, sigma), which give FID alone (default:"
              + " data/fashion-mnist).")
  private Path reference;

  @Option(
      names = "--split",
      paramLabel = "SPLIT",
      description =
          "Which part of a dataset: test or train (default: test; a folder without these is taken"
              + " whole).")
  private Split split;

  @Option(
      names = "--cache",
      paramLabel = "FOLDER",
      defaultValue = "out/references",
      description = "Where features of reference images are kept (default: out/references).")
  private Path cache;

  private List<String> expected = List.of();

  /** Says which classes the samples are of; the reference should be of the same. */
  public void expect(List<String> classNames) {
    expected = classNames;
  }

  /**
   * A reference and what identifies it.
   *
   * @param sha256 of the images or of the file of statistics
   */
  public record Opened(ReferenceImages images, Path path, String sha256) {}

  /**
   * Extracts the features of the real images, or finds those that were kept; empty when asked to
   * stop.
   *
   * @param samples what they are compared with: their size
   */
  public Optional<Opened> open(
      FeatureExtractor extractor, ImageSource samples, PrintWriter out, BooleanSupplier stop)
      throws IOException {
    Path path = reference == null ? DEFAULT : reference;
    if (!Files.exists(path)) {
      throw new InputException(
          path
              + ": there is no such file or folder"
              + (reference == null
                  ? "; run 'make data', or name real images with --reference"
                  : ""));
    }
    if (Files.isDirectory(path)) {
      boolean whole = split == null && !Datasets.hasSplits(path);
      Split part = split != null ? split : whole ? Split.TRAIN : Split.TEST;
      DatasetOptions options =
          DatasetOptions.of(part).withSize(samples.height(), samples.width(), samples.channels());
      try (ImageDataset data = Datasets.open(path, options);
          ImageSource images = ImageSource.of(data)) {
        ComparedClasses.check(expected, data, path, "--reference", reference != null, out);
        data.notes().forEach(line -> out.println("  " + line));
        String name =
            path.toAbsolutePath().normalize().getFileName()
                + " "
                + (whole ? "all" : part.name().toLowerCase(Locale.ROOT));
        return look(extractor, images, name, path, sha256(data), out, stop);
      }
    }
    String sha256 = FileDigest.sha256(path);
    String name = path.getFileName().toString();
    if (!hasImages(path)) {
      return Optional.of(new Opened(statistics(extractor, path, name), path, sha256));
    }
    try (SampleBatchFile images = SampleBatchFile.open(path)) {
      requireSameSize(path, images, samples);
      return look(extractor, images, name, path, sha256, out, stop);
    }
  }

  private static boolean hasImages(Path file) throws IOException {
    try (NpzFile npz = NpzFile.open(file)) {
      return npz.has("arr_0") || !npz.has("mu");
    }
  }

  private static void requireSameSize(Path file, ImageSource images, ImageSource samples) {
    if (!images.size().equals(samples.size())) {
      throw new InputException(
          file
              + ": the reference has images of "
              + images.size()
              + ", the samples are "
              + samples.size()
              + "; only images of one size can be compared");
    }
  }

  private static ReferenceImages statistics(FeatureExtractor extractor, Path file, String name)
      throws IOException {
    FeatureMoments moments = ReferenceStatistics.read(file);
    if (moments.dimensions() != extractor.features()) {
      throw new InputException(
          file
              + ": has statistics of "
              + moments.dimensions()
              + " features, "
              + extractor.name()
              + " has "
              + extractor.features()
              + "; both must come from one extractor");
    }
    return ReferenceImages.ofMoments(name, moments);
  }

  private Optional<Opened> look(
      FeatureExtractor extractor,
      ImageSource images,
      String name,
      Path path,
      String sha256,
      PrintWriter out,
      BooleanSupplier stop)
      throws IOException {
    ReferenceFile file = new ReferenceFile(cache, sha256, extractor.sha256());
    Optional<ReferenceImages> known = kept(file, name, out);
    if (known.isPresent()) {
      return Optional.of(new Opened(known.get(), path, sha256));
    }
    ReferenceMeter meter = new ReferenceMeter(extractor, images.count());
    try (ImageProgress progress = new ImageProgress(out, name, images.count())) {
      for (int done = 0; done < images.count(); ) {
        if (stop.getAsBoolean()) {
          return Optional.empty();
        }
        ImageBatch batch = images.next(extractor.batch());
        meter.add(batch);
        done += batch.count();
        progress.add(batch.count());
      }
    }
    ReferenceImages seen = meter.result(name);
    try {
      file.write(seen);
    } catch (IOException unwritable) {
      out.println("  the reference is not kept: " + ErrorLine.line(unwritable));
    }
    return Optional.of(new Opened(seen, path, sha256));
  }

  /** What was kept. A file that cannot be used is made again: it only saves time. */
  private static Optional<ReferenceImages> kept(ReferenceFile file, String name, PrintWriter out) {
    try {
      return file.read(name);
    } catch (IOException unusable) {
      out.println("  reading the reference again: " + ErrorLine.line(unusable));
      return Optional.empty();
    }
  }

  private static String sha256(ImageDataset data) throws IOException {
    try (ImageSource images = ImageSource.of(data)) {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(images.size().getBytes(StandardCharsets.UTF_8));
      for (int done = 0; done < images.count(); done += HASHED_TOGETHER) {
        digest.update(images.next(HASHED_TOGETHER).pixels());
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
