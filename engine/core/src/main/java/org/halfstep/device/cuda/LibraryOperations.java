package org.halfstep.device.cuda;

import java.util.Optional;
import org.halfstep.device.AttentionShape;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;

/**
 * What NVIDIA's libraries compute on one stream. What it makes must be capturable: a launch neither
 * waits for the device nor allocates. Whoever asks closes it.
 */
interface LibraryOperations {
  /**
   * @param type storage of x, y and their gradients; weights and biases are stored in float32
   * @param training whether the backward passes will be asked for
   */
  Convolution convolution(ConvolutionShape shape, DataType type, boolean training);

  /** Attention of one shape; empty where our own kernels compute it. */
  Optional<Attention> attention(AttentionShape shape);
}
