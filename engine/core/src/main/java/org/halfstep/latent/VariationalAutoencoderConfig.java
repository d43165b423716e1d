package org.halfstep.latent;

import com.fasterxml.jackson.databind.node.ObjectNode;
import org.halfstep.checkpoint.AutoencoderDescription;
import org.halfstep.files.Json;
import org.halfstep.graph.Graph;
import org.halfstep.model.Architecture;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Layers;
import org.halfstep.model.NetworkFormat;

/**
 * A whole autoencoder as it is trained: the encoder, a latent drawn from the Gaussian that it
 * gives, and the decoder, in one graph, so that one backward pass goes through all of it. Its
 * parameters are those of the two halves ({@link AutoencoderConfig}), under the same names.
 *
 * @param network the numbers of both halves; not a quantized one
 * @param height rows of a latent
 * @param width columns of a latent
 * @param divergence weight of the Kullback-Leibler divergence from the standard normal
 *     distribution, per number of a latent, at least 0
 */
public record VariationalAutoencoderConfig(
    AutoencoderDescription network, int height, int width, double divergence)
    implements Architecture {
  /** Files of weights in training. */
  public static final NetworkFormat<VariationalAutoencoderConfig, ComponentCard> FORMAT =
      new NetworkFormat<>(
          "halfstep-variational-autoencoder-1",
          "autoencoder",
          VariationalAutoencoderConfig::fromJson,
          ComponentCard::fromJson,
          (config, card) -> {});

  private static final double MOST_DIVERGENCE = 1e6;

  public VariationalAutoencoderConfig {
    AutoencoderConfig.encoder(network, height, width);
    if (network.isQuantized()) {
      throw new IllegalArgumentException(
          "autoencoder: the look-up of codes has no backward pass; expected one that draws latents"
              + " from a Gaussian");
    }
    if (!(divergence >= 0 && divergence <= MOST_DIVERGENCE)) {
      throw new IllegalArgumentException(
          "autoencoder: the weight of the divergence must lie in [0, "
              + MOST_DIVERGENCE
              + "], got "
              + divergence);
    }
  }

  /** Rows of an image. */
  public int imageHeight() {
    return encoder().factor() * height;
  }

  /** Columns of an image. */
  public int imageWidth() {
    return encoder().factor() * width;
  }

  private AutoencoderConfig encoder() {
    return AutoencoderConfig.encoder(network, height, width);
  }

  /** Numbers of a latent. */
  public int latentNumbers() {
    return height * width * network.latentChannels();
  }

  @Override
  public NetworkFormat<VariationalAutoencoderConfig, ComponentCard> format() {
    return FORMAT;
  }

  @Override
  public void write(Layers layers) {
    new Autoencoder(encoder(), layers).writeWhole((float) (divergence / latentNumbers()));
  }

  @Override
  public VariationalAutoencoderPorts ports(Graph graph) {
    return VariationalAutoencoderPorts.of(graph);
  }

  @Override
  public long leastTensors() {
    return network.shapes().size();
  }

  @Override
  public String toJson() {
    return Json.text(new Numbers(network.toJson(), height, width, divergence));
  }

  /** What a file says, the network as its config.json would. */
  private record Numbers(ObjectNode network, int height, int width, double divergence) {}

  /**
   * @throws IllegalArgumentException in one line
   */
  public static VariationalAutoencoderConfig fromJson(String json) {
    Numbers said = Json.parse(Numbers.class, "autoencoder", json);
    if (said.network == null) {
      throw new IllegalArgumentException("autoencoder: network is missing");
    }
    return new VariationalAutoencoderConfig(
        AutoencoderDescription.fromJson(said.network), said.height, said.width, said.divergence);
  }
}
