package org.halfstep.model;

import java.io.IOException;

/** Weights that are not those of the network they were given for; the message is one line. */
public final class UnsuitableWeightsException extends IOException {
  private static final long serialVersionUID = 1L;

  public UnsuitableWeightsException(String message) {
    super(message);
  }
}
