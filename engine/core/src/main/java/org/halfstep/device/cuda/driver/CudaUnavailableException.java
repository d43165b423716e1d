package org.halfstep.device.cuda.driver;

/** There is no CUDA device to be had here; the message says what was looked for, in one line. */
public final class CudaUnavailableException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public CudaUnavailableException(String message, Throwable cause) {
    super(message, cause);
  }
}
