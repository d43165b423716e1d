package org.halfstep.files;

import java.io.IOException;
import java.nio.file.Path;

/**
 * Data that cannot be used; the message is one line with the file, the place in it, and what was
 * expected and found.
 */
public final class DataException extends IOException {
  private static final long serialVersionUID = 1L;

  private static final int LONGEST = 1_000;

  /** A fault of a file or folder as a whole. */
  public DataException(Path file, String problem) {
    this(file, problem, (Throwable) null);
  }

  /** The same with what led to it. */
  public DataException(Path file, String problem, Throwable cause) {
    this(file.toString(), problem, cause);
  }

  /** A fault at one byte of a file. */
  public DataException(Path file, long offset, String problem) {
    this(file, "byte " + offset + ": " + problem);
  }

  public DataException(Path file, String place, String problem, Throwable cause) {
    this(file, place + ": " + problem, cause);
  }

  /** A fault of something that is not a file, such as tensors by name. */
  public DataException(String origin, String problem) {
    this(origin, problem, null);
  }

  // Names and texts come from files of others.
  private DataException(String origin, String problem, Throwable cause) {
    super(
        Printable.clean(origin)
            + ": "
            + Printable.clean(
                problem.length() > LONGEST ? problem.substring(0, LONGEST) + "..." : problem),
        cause);
  }
}
