package org.halfstep.device.cuda;

import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;

/**
 * Makes convolutions whose launches go to one stream. What it makes must be capturable: a launch
 * neither waits for the device nor allocates. Whoever asks closes the convolution.
 */
@FunctionalInterface
public interface ConvolutionFactory {
  /**
   * @param type storage of x, y and their gradients; weights and biases are stored in float32
   * @param training whether the backward passes will be asked for
   */
  Convolution create(ConvolutionShape shape, DataType type, boolean training);
}
