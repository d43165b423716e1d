package org.halfstep.metrics;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import org.halfstep.files.DataException;
import org.halfstep.numpy.NpyArray;
import org.halfstep.numpy.NpyType;
import org.halfstep.numpy.NpzFile;

/**
 * {@link ReferenceImages} kept between runs: an {@code .npz} with {@code mu} and {@code sigma} as
 * every evaluator reads them, and beside them the rows of {@code features} [rows, d], the number of
 * {@code images}, and which extractor (SHA-256 of its weights) saw which images.
 */
public final class ReferenceFile {
  private static final String FEATURES = "features";
  private static final String IMAGES = "images";
  private static final String EXTRACTOR = "extractor";
  private static final String SOURCE = "source";
  private static final int NAME_DIGITS = 12;

  private final Path file;
  private final byte[] source;
  private final byte[] extractor;

  /**
   * @param folder where the file is, or goes
   * @param source SHA-256 of the images, in hexadecimal
   * @param extractor SHA-256 of the extractor's weights, in hexadecimal
   */
  public ReferenceFile(Path folder, String source, String extractor) {
    this.source = HexFormat.of().parseHex(source);
    this.extractor = HexFormat.of().parseHex(extractor);
    file =
        folder.resolve(
            source.substring(0, NAME_DIGITS) + "-" + extractor.substring(0, NAME_DIGITS) + ".npz");
  }

  /** The file. */
  public Path path() {
    return file;
  }

  /** What it holds, if it is there and of these images and this extractor. */
  public Optional<ReferenceImages> read(String name) throws IOException {
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    FeatureMoments moments = ReferenceStatistics.read(file);
    try (NpzFile npz = NpzFile.open(file)) {
      boolean same =
          npz.names().containsAll(Arrays.asList(FEATURES, IMAGES, EXTRACTOR, SOURCE))
              && isHash(npz.array(EXTRACTOR), extractor)
              && isHash(npz.array(SOURCE), source);
      if (!same) {
        return Optional.empty();
      }
      NpyArray features = npz.array(FEATURES);
      NpyArray images = npz.array(IMAGES);
      long d = moments.dimensions();
      long[] shape = features.shape();
      boolean good =
          !features.type().isInteger()
              && shape.length == 2
              && shape[0] >= 1
              && shape[1] == d
              && images.type().isInteger()
              && Arrays.equals(images.shape(), new long[] {1})
              && images.longs()[0] >= shape[0];
      if (!good) {
        throw new DataException(
            file,
            "features "
                + Arrays.toString(shape)
                + " and images "
                + Arrays.toString(images.shape())
                + " do not belong together; expected [rows, "
                + d
                + "] and their number");
      }
      double[] values = features.doubles();
      float[] floats = new float[values.length];
      for (int i = 0; i < values.length; i++) {
        floats[i] = (float) values[i];
      }
      return Optional.of(
          new ReferenceImages(
              name, images.longs()[0], moments, new FeatureSet(moments.dimensions(), floats)));
    } catch (IllegalArgumentException unusable) {
      throw new DataException(file, unusable.getMessage(), unusable);
    }
  }

  private static boolean isHash(NpyArray array, byte[] hash) {
    if (array.type() != NpyType.UINT8) {
      return false;
    }
    long[] values = array.longs();
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return Arrays.equals(bytes, hash);
  }

  /** Writes it, whole or not at all. */
  public void write(ReferenceImages reference) throws IOException {
    Files.createDirectories(file.getParent());
    NpzFile.write(
        file,
        writer -> {
          ReferenceStatistics.add(writer, reference.moments());
          writer.add(FEATURES, reference.features().array());
          writer.add(IMAGES, NpyArray.of(new long[] {reference.images()}, 1));
          writer.add(EXTRACTOR, NpyArray.of(extractor, extractor.length));
          writer.add(SOURCE, NpyArray.of(source, source.length));
        });
  }
}
