package org.halfstep.safetensors;

import java.io.IOException;
import java.nio.file.Path;
import org.halfstep.files.Printable;

/**
 * A file that is not a well-formed safetensors file; the message is one line with file, byte offset
 * and expectation.
 */
public final class SafetensorsException extends IOException {
  private static final long serialVersionUID = 1L;

  /**
   * @param file the refused file
   * @param offset byte offset within the file where the fault lies
   * @param problem what was expected and what was found
   */
  public SafetensorsException(Path file, long offset, String problem) {
    // Names come from the file: what is in them must not reach a terminal.
    super(Printable.clean(file.toString()) + ": byte " + offset + ": " + Printable.line(problem));
  }
}
