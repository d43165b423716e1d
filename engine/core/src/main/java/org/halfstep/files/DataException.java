package org.halfstep.files;

import java.io.IOException;
import java.nio.file.Path;

/**
 * Data that cannot be used; the message is one line with the file, the place in it, and what was
 * expected and found.
 */
public final class DataException extends IOException {
  private static final long serialVersionUID = 1L;

  /** A fault of a file or folder as a whole. */
  public DataException(Path file, String problem) {
    super(file + ": " + problem);
  }

  /** A fault at one byte of a file. */
  public DataException(Path file, long offset, String problem) {
    super(file + ": byte " + offset + ": " + problem);
  }

  public DataException(Path file, String place, String problem, Throwable cause) {
    super(file + ": " + place + ": " + problem, cause);
  }
}
