package org.halfstep.bindings;

/** A kernel did not run: an argument is out of range, or the device failed. */
public final class KernelException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String function;
  private final int status;

  KernelException(String function, int status, String text) {
    super(
        function
            + " returned status "
            + status
            + " ("
            + text
            + "): check its arguments against halfstep.h");
    this.function = function;
    this.status = status;
  }

  /** The C function that failed. */
  public String function() {
    return function;
  }

  /** The {@code hs_status} that it returned. */
  public int status() {
    return status;
  }
}
