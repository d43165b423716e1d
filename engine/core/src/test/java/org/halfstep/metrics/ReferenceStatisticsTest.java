package org.halfstep.metrics;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import org.halfstep.files.DataException;
import org.halfstep.numpy.NpyArray;
import org.halfstep.numpy.NpzFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reference statistics go through files unchanged; what is none is refused. */
class ReferenceStatisticsTest {
  private static final double[] MEAN = {1.5, -2};
  private static final double[] COVARIANCE = {3, 0.1, 0.1, 4};

  @TempDir private Path folder;

  @Test
  void momentsComeBack() throws IOException {
    Path file = folder.resolve("reference.npz");
    ReferenceStatistics.write(file, new FeatureMoments(MEAN, COVARIANCE));
    FeatureMoments got = ReferenceStatistics.read(file);
    assertArrayEquals(MEAN, got.mean());
    assertArrayEquals(COVARIANCE, got.covariance());
  }

  @Test
  void singlePrecisionIsRead() throws IOException {
    Path file = folder.resolve("reference.npz");
    NpzFile.write(
        file,
        writer -> {
          writer.add("mu", NpyArray.of(new float[] {1, 2}, 2));
          writer.add("sigma", NpyArray.of(new float[] {1, 0, 0, 2}, 2, 2));
          writer.add("mu_s", NpyArray.of(new float[3], 3));
        });
    assertArrayEquals(new double[] {1, 0, 0, 2}, ReferenceStatistics.read(file).covariance());
  }

  @Test
  void otherArraysAreRefused() {
    refused("belong together", NpyArray.of(MEAN, 2), NpyArray.of(COVARIANCE, 4));
    refused("belong together", NpyArray.of(MEAN, 1, 2), NpyArray.of(COVARIANCE, 2, 2));
    refused("belong together", NpyArray.of(new long[2], 2), NpyArray.of(COVARIANCE, 2, 2));
    double[] broken = {1, Double.NaN, 0, 1};
    refused("NaN", NpyArray.of(MEAN, 2), NpyArray.of(broken, 2, 2));
  }

  private void refused(String part, NpyArray mean, NpyArray covariance) {
    Path file = folder.resolve("reference.npz");
    String message =
        assertThrows(
                DataException.class,
                () -> {
                  NpzFile.write(
                      file,
                      writer -> {
                        writer.add("mu", mean);
                        writer.add("sigma", covariance);
                      });
                  ReferenceStatistics.read(file);
                })
            .getMessage();
    assertTrue(message.contains(part) && message.startsWith(file.toString()), message);
  }
}
