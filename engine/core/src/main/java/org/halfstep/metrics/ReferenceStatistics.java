package org.halfstep.metrics;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.halfstep.files.DataException;
import org.halfstep.numpy.NpyArray;
import org.halfstep.numpy.NpyType;
import org.halfstep.numpy.NpzFile;
import org.halfstep.numpy.NpzWriter;

/**
 * Statistics of a reference set in a file, as published beside papers and as guided-diffusion's
 * evaluator reads them: an {@code .npz} with {@code mu} [d] and {@code sigma} [d, d], float64 or
 * float32. Other arrays in it are left alone.
 */
public final class ReferenceStatistics {
  private static final String MEAN = "mu";
  private static final String COVARIANCE = "sigma";

  private ReferenceStatistics() {}

  /**
   * Reads a file.
   *
   * @throws DataException if it is missing, damaged, or its numbers are not a mean and a covariance
   */
  public static FeatureMoments read(Path file) throws IOException {
    try (NpzFile npz = NpzFile.open(file)) {
      NpyArray mean = npz.array(MEAN);
      NpyArray covariance = npz.array(COVARIANCE);
      long d = mean.shape().length == 1 ? mean.shape()[0] : -1;
      if (!isFloating(mean)
          || !isFloating(covariance)
          || !Arrays.equals(covariance.shape(), new long[] {d, d})) {
        throw new DataException(
            file,
            describe(MEAN, mean)
                + " and "
                + describe(COVARIANCE, covariance)
                + " do not belong together; expected [d] and [d, d] of FLOAT64 or FLOAT32");
      }
      try {
        return new FeatureMoments(mean.doubles(), covariance.doubles());
      } catch (IllegalArgumentException unusable) {
        throw new DataException(file, unusable.getMessage());
      }
    }
  }

  /** Writes a file in float64, whole or not at all. */
  public static void write(Path file, FeatureMoments moments) throws IOException {
    NpzFile.write(file, writer -> add(writer, moments));
  }

  static void add(NpzWriter writer, FeatureMoments moments) throws IOException {
    int d = moments.dimensions();
    writer.add(MEAN, NpyArray.of(moments.mean(), d));
    writer.add(COVARIANCE, NpyArray.of(moments.covariance(), d, d));
  }

  private static boolean isFloating(NpyArray array) {
    return array.type() == NpyType.FLOAT64 || array.type() == NpyType.FLOAT32;
  }

  private static String describe(String name, NpyArray array) {
    return name + " " + Arrays.toString(array.shape()) + " of " + array.type();
  }
}
