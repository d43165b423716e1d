package org.halfstep.sample;

/** A sample became NaN or infinite; the message is one line that names image and step. */
public final class NotFiniteException extends RuntimeException {
  private static final long serialVersionUID = 1;

  NotFiniteException(String message) {
    super(message);
  }
}
