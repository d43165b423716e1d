package org.halfstep.latent;

import java.io.IOException;
import java.util.Map;
import org.halfstep.device.Device;
import org.halfstep.graph.Graph;
import org.halfstep.graph.WeightUse;
import org.halfstep.model.Architecture;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.model.TensorNames;
import org.halfstep.safetensors.Tensors;

/**
 * One half of a first stage: an architecture that is written for latents of any size, and how its
 * numbers are read by code that knows only images in [-1, 1] and the latents of a diffusion model.
 */
public sealed interface FirstStageHalf extends Architecture
    permits AutoencoderConfig, TinyAutoencoderConfig {
  /** Which one it is. */
  Half half();

  /** The same half, with the same parameters at the same places, for latents of another size. */
  FirstStageHalf sized(int height, int width);

  /** Pixels of an image per pixel of a latent, in each direction. */
  int factor();

  /** Channels of an image. */
  int imageChannels();

  /** Channels of a latent. */
  int latentChannels();

  /** Whether an encoder gives the moments of a Gaussian ({@link Posterior}) and not a latent. */
  boolean isGaussian();

  /** What the network reads for a number of an image, or of a diffusion model's latent. */
  double in(double number);

  /** What a number of the network's means: of a diffusion model's latent, or of an image. */
  double out(double number);

  /** Where its parameters are in a file of both halves. */
  TensorNames names();

  @Override
  AutoencoderPorts ports(Graph graph);

  /**
   * Opens one half for inference.
   *
   * @param tensors of the whole first stage; they stay the caller's and are closed after this
   * @param use what packed weights may take, and for how many images
   * @throws IOException in one line, when they are not those of this network, or not finite
   */
  static <A extends FirstStageHalf> Network<A, ComponentCard> open(
      Device device, A half, Tensors tensors, WeightUse use) throws IOException {
    ComponentCard card = new ComponentCard("first stage", Map.of());
    return Network.open(device, half, card, null, new BorrowedTensors(tensors), half.names(), use);
  }

  /** Channels of what it reads. */
  default int inChannels() {
    return half() == Half.ENCODER ? imageChannels() : latentChannels();
  }

  /** Channels of what it writes. */
  default int outChannels() {
    if (half() == Half.DECODER) {
      return imageChannels();
    }
    return isGaussian() ? 2 * latentChannels() : latentChannels();
  }

  /** Rows or columns that it reads per latent pixel. */
  default int inUnit() {
    return half() == Half.ENCODER ? factor() : 1;
  }

  /** Rows or columns that it writes per latent pixel. */
  default int outUnit() {
    return half() == Half.DECODER ? factor() : 1;
  }
}
