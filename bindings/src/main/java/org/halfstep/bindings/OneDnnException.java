package org.halfstep.bindings;

/** A oneDNN function did not succeed. */
public final class OneDnnException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String function;
  private final int status;

  OneDnnException(String function, int status) {
    super(
        function
            + " returned "
            + statusName(status)
            + "; set ONEDNN_VERBOSE=all to see oneDNN's reason");
    this.function = function;
    this.status = status;
  }

  /** The C function that failed. */
  public String function() {
    return function;
  }

  /** The {@code dnnl_status_t} that it returned. */
  public int status() {
    return status;
  }

  private static String statusName(int status) {
    return switch (status) {
      case 1 -> "dnnl_out_of_memory";
      case 2 -> "dnnl_invalid_arguments";
      case 3 -> "dnnl_unimplemented";
      case 4 -> "dnnl_last_impl_reached";
      case 5 -> "dnnl_runtime_error";
      case 6 -> "dnnl_not_required";
      case 7 -> "dnnl_invalid_graph";
      default -> "status " + status;
    };
  }
}
