package org.halfstep.train;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.files.DataException;
import org.halfstep.files.Printable;

/**
 * The losses of a run as comma-separated values: a row for every few updates, with the means over
 * those since the row before it, of all its phases in the order in which they ran. It has each
 * update once: what a run that was killed had beyond its checkpoint is cut off when it goes on.
 */
public final class LossTable {
  /** Its name in a run's folder. */
  public static final String FILE = "losses.csv";

  static final String HEADER = "phase,update,loss,learning_rate,gradient_norm,seconds";
  private static final long MOST_BYTES = 1L << 30;
  private static final int COLUMNS = 6;

  /**
   * A row.
   *
   * @param phase what the phase is called, a line without commas
   * @param update updates of the phase that are done
   * @param loss mean over the updates since the row before
   * @param learningRate of the last of them
   * @param gradientNorm mean of the norms of all gradients, before clipping
   * @param seconds since 1970 when it was written
   */
  public record Row(
      String phase,
      long update,
      double loss,
      double learningRate,
      double gradientNorm,
      double seconds) {
    public Row {
      if (phase.isEmpty() || !phase.equals(Printable.line(phase)) || phase.matches(".*[,\"].*")) {
        throw new IllegalArgumentException(
            "a phase is a line without commas and quotes, got " + Printable.line(phase));
      }
      if (update < 1) {
        throw new IllegalArgumentException("a row is of at least one update, got " + update);
      }
    }

    byte[] line() {
      String line =
          phase
              + ","
              + update
              + ","
              + loss
              + ","
              + learningRate
              + ","
              + gradientNorm
              + ","
              + seconds
              + "\n";
      return line.getBytes(StandardCharsets.UTF_8);
    }
  }

  private LossTable() {}

  /**
   * All rows of a run's folder; a last line that was cut off is passed over.
   *
   * @throws IOException in one line with the file and the line, when there is none or it is not
   *     such a table
   */
  public static List<Row> read(Path runFolder) throws IOException {
    List<Row> rows = new ArrayList<>();
    scan(runFolder.resolve(FILE), (row, _) -> rows.add(row));
    return rows;
  }

  /**
   * Bytes of the rows that a phase goes on after.
   *
   * @param done its updates that are done
   * @return 0 when there is no table
   */
  static long lengthBefore(Path file, String phase, long done) throws IOException {
    if (!Files.exists(file) || Files.size(file) == 0) {
      return 0;
    }
    long[] first = {-1};
    long whole =
        scan(
            file,
            (row, start) -> {
              if (first[0] < 0 && row.phase().equals(phase) && row.update() > done) {
                first[0] = start;
              }
            });
    return first[0] < 0 ? whole : first[0];
  }

  @FunctionalInterface
  private interface Visitor {
    void row(Row row, long start);
  }

  /** Visits all whole rows; returns the bytes up to the end of the last. */
  private static long scan(Path file, Visitor visitor) throws IOException {
    if (Files.size(file) > MOST_BYTES) {
      throw new DataException(
          file, "has more than " + MOST_BYTES + " bytes; expected a table of losses: move it away");
    }
    byte[] bytes = Files.readAllBytes(file);
    int start = 0;
    int number = 0;
    for (int at = 0; at < bytes.length; at++) {
      if (bytes[at] == '\n') {
        number++;
        String line = new String(bytes, start, at - start, StandardCharsets.UTF_8);
        if (number == 1 && !line.equals(HEADER)) {
          throw new DataException(
              file, "line 1: expected \"" + HEADER + "\"; move the file away, or name another run");
        }
        if (number > 1) {
          visitor.row(row(file, number, line), start);
        }
        start = at + 1;
      }
    }
    return start;
  }

  private static Row row(Path file, int number, String line) throws IOException {
    String[] cells = line.split(",", -1);
    try {
      if (cells.length == COLUMNS) {
        return new Row(
            cells[0],
            Long.parseLong(cells[1]),
            Double.parseDouble(cells[2]),
            Double.parseDouble(cells[3]),
            Double.parseDouble(cells[4]),
            Double.parseDouble(cells[5]));
      }
    } catch (IllegalArgumentException wrong) {
      // Said below with the place.
    }
    throw new DataException(
        file,
        "line "
            + number
            + ": expected "
            + HEADER
            + ", found "
            + Printable.line(line)
            + "; move the file away");
  }
}
