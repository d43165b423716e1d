package org.halfstep.train;

import java.io.IOException;

/** A checkpoint that a run cannot continue from; the message is one line that says what to do. */
public final class DamagedCheckpointException extends IOException {
  private static final long serialVersionUID = 1;

  DamagedCheckpointException(String message, IOException cause) {
    super(message, cause);
  }
}
