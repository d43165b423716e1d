package org.halfstep.device.cuda.driver;

/** A function of the CUDA driver that failed, with the driver's own words. */
public final class CudaException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String function;
  private final int status;

  /**
   * @param function the C function, as in "cuMemAllocAsync"
   * @param status its status, a {@code CUresult}
   * @param name the status as the driver names it, as in "CUDA_ERROR_INVALID_VALUE"
   * @param message what the driver says about it
   */
  public CudaException(String function, int status, String name, String message) {
    super(function + " failed: " + name + " (" + status + "): " + message);
    this.function = function;
    this.status = status;
  }

  /** The C function that failed. */
  public String function() {
    return function;
  }

  /** Its {@code CUresult}. */
  public int status() {
    return status;
  }
}
