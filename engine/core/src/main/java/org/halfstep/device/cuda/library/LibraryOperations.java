package org.halfstep.device.cuda.library;

import java.util.Optional;
import org.halfstep.device.AttentionShape;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionRequest;

/**
 * What NVIDIA's libraries compute on one stream. What it makes must be capturable: a launch neither
 * waits for the device nor allocates. Whoever asks closes it.
 */
public interface LibraryOperations {
  /** A convolution; weights and biases are stored in float32. */
  Convolution convolution(ConvolutionRequest request);

  /** Attention of one shape; empty where our own kernels compute it. */
  Optional<LibraryAttention> attention(AttentionShape shape);
}
