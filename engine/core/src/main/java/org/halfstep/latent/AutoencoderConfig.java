package org.halfstep.latent;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashSet;
import java.util.Set;
import org.halfstep.checkpoint.AutoencoderDescription;
import org.halfstep.files.Json;
import org.halfstep.graph.Graph;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Layers;
import org.halfstep.model.NetworkFormat;
import org.halfstep.model.TensorNames;

/**
 * One half of a first stage: the encoder or the decoder of diffusers' AutoencoderKL or VQModel, for
 * latents of one size. Each half is a network of its own, so that a pipeline that only decodes has
 * no encoder in memory; their parameters have the names of the whole.
 *
 * <p>The encoder takes images in [-1, 1], {@link #factor} times as high and wide as latents. What
 * comes out is, for a Gaussian, its moments: means, then the logarithms of variances, not clamped
 * ({@link Posterior}); else latents that are not quantized. Latents here are not scaled.
 *
 * @param network the numbers of the whole first stage
 * @param half which one it is
 * @param height rows of a latent
 * @param width columns of a latent
 * @param lookUp whether a decoder begins by replacing each latent by its nearest code, which is how
 *     images are made; for inference only. Without, its codes are there and not read
 */
public record AutoencoderConfig(
    AutoencoderDescription network, Half half, int height, int width, boolean lookUp)
    implements FirstStageHalf {
  /** Files of one half. */
  public static final NetworkFormat<AutoencoderConfig, ComponentCard> FORMAT =
      new NetworkFormat<>(
          "halfstep-autoencoder-1",
          "first stage",
          AutoencoderConfig::fromJson,
          ComponentCard::fromJson,
          (config, card) -> {});

  private static final int MOST_PIXELS = 1 << 14;

  public AutoencoderConfig {
    if (network == null || half == null) {
      throw new IllegalArgumentException("first stage: its network and half must be given");
    }
    int factor = 1 << (network.channels().size() - 1);
    int most = MOST_PIXELS / factor;
    if (height < 1 || height > most || width < 1 || width > most) {
      throw new IllegalArgumentException(
          "first stage: latents must be from 1x1 to "
              + most
              + "x"
              + most
              + ", got "
              + height
              + "x"
              + width);
    }
    // The convolution behind the last doubling reads what the level before it is wide.
    int levels = network.channels().size();
    int widest =
        Math.max(network.channels().getFirst(), network.channels().get(levels > 1 ? 1 : 0));
    long largest = (long) height * factor * width * factor * widest;
    if (largest > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "first stage: images of "
              + (long) height * factor
              + "x"
              + (long) width * factor
              + " need values of "
              + largest
              + " numbers, more than the most of "
              + Integer.MAX_VALUE
              + ": use tiles");
    }
    if (lookUp && (half != Half.DECODER || !network.isQuantized())) {
      throw new IllegalArgumentException(
          "first stage: only the decoder of a quantized one looks up codes");
    }
  }

  /** The encoder. */
  public static AutoencoderConfig encoder(AutoencoderDescription network, int height, int width) {
    return new AutoencoderConfig(network, Half.ENCODER, height, width, false);
  }

  /** The decoder as images are made with it: it looks up codes where there are any. */
  public static AutoencoderConfig decoder(AutoencoderDescription network, int height, int width) {
    return new AutoencoderConfig(network, Half.DECODER, height, width, network.isQuantized());
  }

  @Override
  public AutoencoderConfig sized(int newHeight, int newWidth) {
    return new AutoencoderConfig(network, half, newHeight, newWidth, lookUp);
  }

  @Override
  public int factor() {
    return 1 << (network.channels().size() - 1);
  }

  @Override
  public int imageChannels() {
    return network.imageChannels();
  }

  @Override
  public int latentChannels() {
    return network.codeWidth();
  }

  @Override
  public boolean isGaussian() {
    return !network.isQuantized();
  }

  /** Images as they are; latents without the scaling of the diffusion model. */
  @Override
  public double in(double number) {
    return half == Half.ENCODER ? number : number / network.scalingFactor();
  }

  @Override
  public double out(double number) {
    return half == Half.ENCODER ? number * network.scalingFactor() : number;
  }

  private boolean has(String parameter) {
    return half == Half.ENCODER
        ? parameter.startsWith("encoder.") || parameter.startsWith("quant_conv.")
        : parameter.startsWith("decoder.")
            || parameter.startsWith("post_quant_conv.")
            || parameter.startsWith(Autoencoder.CODES);
  }

  /** Their own names; the other half's parameters are passed over. */
  @Override
  public TensorNames names() {
    Set<String> others = new HashSet<>(network.shapes().keySet());
    others.removeIf(this::has);
    return TensorNames.own(TensorNames.OWN.layout(), others::contains);
  }

  @Override
  public NetworkFormat<AutoencoderConfig, ComponentCard> format() {
    return FORMAT;
  }

  @Override
  public void write(Layers layers) {
    new Autoencoder(this, layers).write();
  }

  @Override
  public AutoencoderPorts ports(Graph graph) {
    return AutoencoderPorts.of(graph);
  }

  @Override
  public long leastTensors() {
    return network.shapes().keySet().stream().filter(this::has).count();
  }

  @Override
  public String toJson() {
    return Json.text(new Numbers(network.toJson(), half, height, width, lookUp));
  }

  /** What a file says, the network as its config.json would. */
  private record Numbers(
      ObjectNode network,
      Half half,
      int height,
      int width,
      @JsonProperty("look_up") boolean lookUp) {}

  /**
   * @throws IllegalArgumentException in one line
   */
  public static AutoencoderConfig fromJson(String json) {
    Numbers said = Json.parse(Numbers.class, "first stage", json);
    if (said.network == null) {
      throw new IllegalArgumentException("first stage: network is missing");
    }
    return new AutoencoderConfig(
        AutoencoderDescription.fromJson(said.network),
        said.half,
        said.height,
        said.width,
        said.lookUp);
  }
}
