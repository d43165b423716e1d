package org.halfstep.torch;

import java.io.IOException;
import java.nio.file.Path;
import org.halfstep.files.Printable;

/** A file that is not a file of tensors by PyTorch, or is damaged; the message is one line. */
public final class TorchFileException extends IOException {
  private static final long serialVersionUID = 1L;

  /**
   * @param file the refused file
   * @param problem what was found, what was expected
   */
  public TorchFileException(Path file, String problem) {
    this(file, problem, null);
  }

  /** The same with what led to it. */
  public TorchFileException(Path file, String problem, Throwable cause) {
    // Names come from the file: control characters in them must not reach a terminal.
    super(Printable.clean(file.toString()) + ": " + Printable.line(problem), cause);
  }
}
