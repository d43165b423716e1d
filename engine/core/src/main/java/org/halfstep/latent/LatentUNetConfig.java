package org.halfstep.latent;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import org.halfstep.checkpoint.UNetDescription;
import org.halfstep.checkpoint.UNetStage;
import org.halfstep.files.Json;
import org.halfstep.graph.Graph;
import org.halfstep.model.DiffusionArchitecture;
import org.halfstep.model.Layers;
import org.halfstep.model.ModelCard;
import org.halfstep.model.NetworkFormat;

/**
 * A latent UNet for images and texts of one size: the network of Stable Diffusion 1 and 2, of its
 * inpainting form, of latent consistency models, and of class-conditional latent diffusion.
 * Networks of all sizes have the same parameters at the same places, so one set of weights serves
 * plans of many.
 *
 * @param network what the checkpoint says
 * @param height of a latent in pixels, from 1 to {@value #MAXIMUM_SIDE}
 * @param width likewise
 * @param tokens of a context, from 1 to {@value #MAXIMUM_TOKENS}; 77 of CLIP's, 1 of a class
 */
public record LatentUNetConfig(UNetDescription network, int height, int width, int tokens)
    implements DiffusionArchitecture {
  /** Files of latent UNets. */
  public static final NetworkFormat<LatentUNetConfig, ModelCard> FORMAT =
      new NetworkFormat<>(
          "halfstep-latent-unet-1",
          "latent UNet",
          LatentUNetConfig::fromJson,
          ModelCard::fromJson,
          (_, card) -> card.requireTimes());

  // Far above every latent in use, and low enough that no size computed from them overflows.
  private static final int MAXIMUM_SIDE = 1 << 12;
  private static final int MAXIMUM_TOKENS = 1 << 12;
  private static final int MAXIMUM_CLASSES = 1 << 20;

  /** Widest of what a pixel becomes: both halves of a gated feed-forward layer. */
  private static final int WIDEST_MULTIPLE = 8;

  public LatentUNetConfig {
    requireRange("height", height, 1, MAXIMUM_SIDE);
    requireRange("width", width, 1, MAXIMUM_SIDE);
    requireRange("tokens", tokens, 1, MAXIMUM_TOKENS);
    requireRange("class_rows", network.classRows(), 0, MAXIMUM_CLASSES);
    require(
        network.classRows() == 0 || tokens == 1,
        "a class is a context of 1 token, got tokens = " + tokens);
    requireFits(network, height, width, tokens);
  }

  /** The largest values of a sample have fewer than 2^31 numbers. */
  private static void requireFits(UNetDescription network, int height, int width, int tokens) {
    int last = network.channels().size() - 1;
    long rows = height;
    long columns = width;
    for (int level = 0; level <= last; level++) {
      long channels = network.channels().get(level);
      // On the way up, what comes from the level below and the skip.
      long joined = channels + network.channels().get(Math.min(level + 1, last));
      require(
          rows * columns * Math.max(WIDEST_MULTIPLE * channels, joined) <= Integer.MAX_VALUE,
          height + "x" + width + " latents are too large for " + channels + " channels");
      rows = (rows + 1) / 2;
      columns = (columns + 1) / 2;
    }
    long keysAndValues = 0;
    for (UNetStage stage : network.stages()) {
      for (UNetStage.Block block : stage.blocks()) {
        keysAndValues += block.transformer() == null ? 0 : 2L * block.out();
      }
    }
    require(
        tokens * keysAndValues <= Integer.MAX_VALUE,
        tokens + " tokens are too many for " + keysAndValues + " keys and values");
  }

  private static void requireRange(String name, int value, int least, int most) {
    require(
        value >= least && value <= most,
        name + " must be from " + least + " to " + most + ", got " + value);
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException("latent UNet: " + message);
    }
  }

  /** The same network for other latents and texts; it takes the weights of this one. */
  public LatentUNetConfig withSize(int newHeight, int newWidth, int newTokens) {
    return new LatentUNetConfig(network, newHeight, newWidth, newTokens);
  }

  /** The same network with the guidance strength as an input, embedded in so many numbers. */
  public LatentUNetConfig withGuidance(int numbers) {
    return new LatentUNetConfig(network.withGuidance(numbers), height, width, tokens);
  }

  /** Whether classes take the place of a text. */
  public boolean hasClasses() {
    return network.classRows() > 0;
  }

  /** Whether the network takes the guidance strength. */
  public boolean isGuided() {
    return network.guidanceWidth() > 0;
  }

  @Override
  public NetworkFormat<LatentUNetConfig, ModelCard> format() {
    return FORMAT;
  }

  @Override
  public void write(Layers layers) {
    LatentUNet.write(this, layers);
  }

  @Override
  public LatentUNetPorts ports(Graph graph) {
    return LatentUNetPorts.of(this, graph);
  }

  @Override
  public long leastTensors() {
    return network.shapes().size();
  }

  /** As it is stored: the network in the keys of diffusers, and what they do not say. */
  private record Stored(
      @JsonProperty(required = true) ObjectNode network,
      @JsonProperty(value = "class_rows", required = true) int classRows,
      @JsonProperty(required = true) int height,
      @JsonProperty(required = true) int width,
      @JsonProperty(required = true) int tokens) {}

  @Override
  public String toJson() {
    return Json.text(new Stored(network.toJson(), network.classRows(), height, width, tokens));
  }

  /**
   * @throws IllegalArgumentException in one line
   */
  public static LatentUNetConfig fromJson(String json) {
    Stored stored = Json.parse(Stored.class, "latent UNet", json);
    try {
      UNetDescription network = UNetDescription.of(stored.network(), "latent UNet");
      return new LatentUNetConfig(
          network.withClasses(stored.classRows()),
          stored.height(),
          stored.width(),
          stored.tokens());
    } catch (IOException refused) {
      throw new IllegalArgumentException(refused.getMessage(), refused);
    }
  }
}
