package org.halfstep.train;

/** Training produced gradients that are not numbers, several times in a row. */
public final class DivergedException extends RuntimeException {
  private static final long serialVersionUID = 1;

  DivergedException(String message) {
    super(message);
  }
}
