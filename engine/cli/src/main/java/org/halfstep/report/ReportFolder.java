package org.halfstep.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.halfstep.files.FolderLock;

/**
 * A report's folder, which one report has at a time: another would write over what it measured.
 *
 * @param path of the folder
 * @param results what was measured there
 * @param lock held until this is closed
 */
record ReportFolder<R>(Path path, R results, FolderLock lock) implements AutoCloseable {
  private static final String LOCK = ".lock";

  /** Opens the file of all numbers. */
  @FunctionalInterface
  interface Opening<R> {
    R open(Path file) throws IOException;
  }

  /**
   * Takes a folder, which is made where it is not there.
   *
   * @param file name of the file of all numbers
   * @throws IOException in one line, when the results are damaged, or another report has the folder
   */
  static <R> ReportFolder<R> take(Path path, String file, Opening<R> opening) throws IOException {
    Files.createDirectories(path);
    FolderLock lock =
        FolderLock.take(
            path.resolve(LOCK),
            path + ": another report is using this folder; wait for it or use another folder");
    try {
      return new ReportFolder<>(path, opening.open(path.resolve(file)), lock);
    } catch (IOException | RuntimeException failure) {
      lock.close();
      throw failure;
    }
  }

  @Override
  public void close() {
    lock.close();
  }
}
