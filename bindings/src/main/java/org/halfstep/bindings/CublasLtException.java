package org.halfstep.bindings;

/** A cuBLASLt function did not succeed. */
public final class CublasLtException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String function;
  private final int status;

  CublasLtException(String function, int status, String text) {
    super(
        function
            + " returned status "
            + status
            + " ("
            + text
            + "); set CUBLASLT_LOG_LEVEL=1 to see more");
    this.function = function;
    this.status = status;
  }

  /** The C function that failed. */
  public String function() {
    return function;
  }

  /** The {@code cublasStatus_t} that it returned. */
  public int status() {
    return status;
  }
}
