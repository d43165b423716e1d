package org.halfstep.train;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.halfstep.files.DataException;
import org.halfstep.files.Printable;

/**
 * A table of a run as comma-separated values, which grows while it trains: each row begins with the
 * phase and the number of its updates that are done. Rows of updates that are made again are cut
 * off.
 *
 * @param file in the run's folder
 * @param header names of the columns
 */
record RunTable(Path file, String header) {
  private static final long MOST_BYTES = 1L << 30;

  /** Takes the cells of a row; throws an {@link IllegalArgumentException} where it is none. */
  @FunctionalInterface
  interface Visitor {
    void row(String[] cells, long start);
  }

  /** A phase's name as a cell. */
  static String requirePhase(String phase) {
    if (phase.isEmpty() || !phase.equals(Printable.line(phase)) || phase.matches(".*[,\"].*")) {
      throw new IllegalArgumentException(
          "a phase is a line without commas and quotes, got " + Printable.line(phase));
    }
    return phase;
  }

  /**
   * Bytes of the rows that a phase goes on after.
   *
   * @param done its updates that are done
   * @return 0 when there is no table
   */
  long lengthBefore(String phase, long done) throws IOException {
    if (!Files.exists(file) || Files.size(file) == 0) {
      return 0;
    }
    long[] first = {-1};
    long whole =
        scan(
            (cells, start) -> {
              long update = Long.parseLong(cells[1]);
              if (first[0] < 0 && cells[0].equals(phase) && update > done) {
                first[0] = start;
              }
            });
    return first[0] < 0 ? whole : first[0];
  }

  /**
   * Visits all whole rows; a last one that was cut off is passed over.
   *
   * @return bytes up to the end of the last
   * @throws IOException in one line with the line's number, when it is no such table
   */
  long scan(Visitor visitor) throws IOException {
    if (Files.size(file) > MOST_BYTES) {
      throw new DataException(
          file, "has more than " + MOST_BYTES + " bytes; expected a run's table: move it away");
    }
    byte[] bytes = Files.readAllBytes(file);
    int columns = header.split(",").length;
    int start = 0;
    int number = 0;
    for (int at = 0; at < bytes.length; at++) {
      if (bytes[at] == '\n') {
        number++;
        String line = new String(bytes, start, at - start, StandardCharsets.UTF_8);
        if (number == 1 && !line.equals(header)) {
          throw new DataException(
              file, "line 1: expected \"" + header + "\"; move the file away, or name another run");
        }
        if (number > 1) {
          visit(visitor, line.split(",", -1), columns, start, number, line);
        }
        start = at + 1;
      }
    }
    return start;
  }

  private void visit(
      Visitor visitor, String[] cells, int columns, long start, int number, String line)
      throws IOException {
    try {
      if (cells.length == columns) {
        visitor.row(cells, start);
        return;
      }
    } catch (IllegalArgumentException wrong) {
      // Said below with the place.
    }
    throw new DataException(
        file,
        "line "
            + number
            + ": expected "
            + header
            + ", found "
            + Printable.line(line)
            + "; move the file away");
  }
}
