package org.halfstep.train;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The losses of a run as comma-separated values: a row for every few updates, with the means over
 * those since the row before it, of all its phases in the order in which they ran. It has each
 * update once: what a run that was killed had beyond its checkpoint is cut off when it goes on.
 */
public final class LossTable {
  /** Its name in a run's folder. */
  public static final String FILE = "losses.csv";

  static final String HEADER = "phase,update,loss,learning_rate,gradient_norm,seconds";

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
      RunTable.requirePhase(phase);
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

  /** The table of a run's folder. */
  static RunTable in(Path runFolder) {
    return new RunTable(runFolder.resolve(FILE), HEADER);
  }

  /**
   * All rows of a run's folder; a last line that was cut off is passed over.
   *
   * @throws IOException in one line with the file and the line, when there is none or it is not
   *     such a table
   */
  public static List<Row> read(Path runFolder) throws IOException {
    List<Row> rows = new ArrayList<>();
    in(runFolder)
        .scan(
            (cells, _) ->
                rows.add(
                    new Row(
                        cells[0],
                        Long.parseLong(cells[1]),
                        Double.parseDouble(cells[2]),
                        Double.parseDouble(cells[3]),
                        Double.parseDouble(cells[4]),
                        Double.parseDouble(cells[5]))));
    return rows;
  }
}
