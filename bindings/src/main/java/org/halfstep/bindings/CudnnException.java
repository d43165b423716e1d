package org.halfstep.bindings;

/** A cuDNN function did not succeed. */
public final class CudnnException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String function;
  private final int status;

  public CudnnException(String function, int status, String name, String detail) {
    super(
        function
            + " returned "
            + name
            + (detail.isBlank() ? "" : ": " + detail.strip().replaceAll("\\s*\\n\\s*", " | "))
            + "; set CUDNN_LOGLEVEL_DBG=2 and CUDNN_LOGDEST_DBG=stderr to see more");
    this.function = function;
    this.status = status;
  }

  /** The C function that failed. */
  public String function() {
    return function;
  }

  /** The {@code cudnnStatus_t} that it returned; its thousands are the category. */
  public int status() {
    return status;
  }
}
