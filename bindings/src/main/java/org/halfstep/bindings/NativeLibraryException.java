package org.halfstep.bindings;

/**
 * A native library or one of its functions was not found; the message says what was tried and what
 * to do.
 */
public final class NativeLibraryException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  NativeLibraryException(String message) {
    super(message);
  }

  NativeLibraryException(String message, Throwable cause) {
    super(message, cause);
  }
}
