package org.halfstep.latent;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.checkpoint.AutoencoderDescription;
import org.halfstep.device.Activation;
import org.halfstep.device.Window;
import org.halfstep.graph.AttentionMask;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Parameter.Initializer;
import org.halfstep.graph.Shape;
import org.halfstep.graph.Slice;
import org.halfstep.graph.Value;
import org.halfstep.model.Layers;
import org.halfstep.model.Layers.Form;
import org.halfstep.model.Layers.Normed;
import org.halfstep.model.Layers.Resize;

/**
 * A half of a first stage, written in layers: the networks of "High-Resolution Image Synthesis with
 * Latent Diffusion Models" (Rombach et al., 2022) under the names of diffusers. Every norm adds
 * 1e-6 to the variance, and the encoder's halvings pad below and to the right alone.
 *
 * <p>What lies between latents and the first convolution, a linear map of a few channels, is
 * computed in float32 whatever the precision. Of a quantized decoder the numbers of the codes are
 * the value {@value #INDEX}, and the codes {@value #QUANTIZED}.
 */
final class Autoencoder {
  static final String CODES = "quantize.";
  static final String INDEX = "index";
  static final String QUANTIZED = "quantized";

  private static final float EPS = 1e-6f;
  private static final Window HALVING = Window.squareFromCorner(3, 2, 1);
  private static final Initializer USUAL = Initializer.FAN_IN_UNIFORM;

  private final AutoencoderConfig config;
  private final AutoencoderDescription network;
  private final Layers layers;
  private final Graph graph;

  Autoencoder(AutoencoderConfig config, Layers layers) {
    this.config = config;
    this.network = config.network();
    this.layers = layers;
    this.graph = layers.graph();
  }

  void write() {
    Value out =
        switch (config.half()) {
          case ENCODER -> encoder(image());
          case DECODER -> decoder(graph.image(AutoencoderPorts.LATENT, latent()));
        };
    graph.name(AutoencoderPorts.OUT, out);
  }

  /** Both halves, and between them the latent that is drawn with noise. */
  void writeWhole(float divergence) {
    Value image = image();
    Value noise = graph.image(VariationalAutoencoderPorts.NOISE, latent());
    Value moments = encoder(image);
    Value z =
        graph.posterior(
            "posterior", moments, noise, divergence, VariationalAutoencoderPorts.DIVERGENCE);
    graph.name(AutoencoderPorts.OUT, decoder(z));
  }

  private Value image() {
    int factor = config.factor();
    return graph.image(
        AutoencoderPorts.IMAGE,
        new Shape(factor * config.height(), factor * config.width(), network.imageChannels()));
  }

  private Shape latent() {
    return new Shape(config.height(), config.width(), config.latentChannels());
  }

  private Value encoder(Value image) {
    List<Integer> channels = network.channels();
    Value h =
        convolution3(layers.exact(), "encoder.conv_in", graph.toActivation(image), channels.get(0));
    for (int level = 0; level < channels.size(); level++) {
      String block = "encoder.down_blocks." + level;
      h = residuals(block, h, channels.get(level), network.layers());
      if (level < channels.size() - 1) {
        String name = block + ".downsamplers.0.conv";
        int width = channels.get(level);
        h =
            layers.convolution(
                name, layers.readable(name, h), new Form(HALVING, USUAL), width, width, 3, 3);
      }
    }
    h = middle("encoder.mid_block", h);
    int moments = network.isQuantized() ? network.latentChannels() : 2 * network.latentChannels();
    h = graph.toFloat(last("encoder", h, moments));
    return pointwise("quant_conv", h, network.isQuantized() ? network.codeWidth() : moments);
  }

  private Value decoder(Value z) {
    Value h = network.isQuantized() ? codes(z) : z;
    h = graph.toActivation(pointwise("post_quant_conv", h, network.latentChannels()));
    List<Integer> channels = network.channels().reversed();
    h = convolution3(layers.exact(), "decoder.conv_in", h, channels.get(0));
    h = middle("decoder.mid_block", h);
    for (int stage = 0; stage < channels.size(); stage++) {
      String block = "decoder.up_blocks." + stage;
      h = residuals(block, h, channels.get(stage), network.layers() + 1);
      if (stage < channels.size() - 1) {
        String name = block + ".upsamplers.0.conv";
        Value read = layers.resize(block + ".upsamplers.0", layers.readable(name, h), Resize.UP);
        h = convolution3(layers, name, read, channels.get(stage));
      }
    }
    return graph.toFloat(last("decoder", h, network.imageChannels()));
  }

  /** The nearest code of every pixel, where they are looked up; they are declared in any case. */
  private Value codes(Value z) {
    String name = CODES + "embedding";
    Parameter table = layers.table(name, network.codes(), network.codeWidth());
    if (!config.lookUp()) {
      return z;
    }
    Value index = graph.name(INDEX, graph.nearest(name + " nearest", z, table));
    return graph.name(QUANTIZED, graph.embedding(name, table, index));
  }

  // ---- Blocks

  private Value residuals(String block, Value x, int out, int count) {
    Value h = x;
    for (int i = 0; i < count; i++) {
      h = residual(block + ".resnets." + i, h, out);
    }
    return h;
  }

  private Value residual(String name, Value x, int out) {
    return ResidualBlock.write(layers, name, x, out, network.groups(), EPS, null);
  }

  private Value middle(String name, Value x) {
    int width = x.shape().channels();
    Value h = residual(name + ".resnets.0", x, width);
    h = attention(name + ".attentions.0", h);
    return residual(name + ".resnets.1", h, width);
  }

  /** One head as wide as the channels; queries, keys and values are one product. */
  private Value attention(String name, Value x) {
    int width = x.shape().channels();
    Value h = layers.groupNorm(name + ".group_norm", x, network.groups(), EPS, Activation.NONE);
    Map<String, Integer> parts = new LinkedHashMap<>();
    List.of("to_q", "to_k", "to_v").forEach(part -> parts.put(name + "." + part, width));
    Value normed = layers.readable(name + ".to_q", h);
    Map<String, Slice> qkv = layers.linears(name + ".to_qkv", normed, parts, true);
    Value read =
        graph.attention(
            name,
            qkv.get(name + ".to_q"),
            qkv.get(name + ".to_k"),
            qkv.get(name + ".to_v"),
            1,
            AttentionMask.NONE);
    String out = name + ".to_out.0";
    return layers.convolution(out, layers.readable(out, read), Form.linear().plus(x), width, width);
  }

  // ---- Layers

  /** The norm and the convolution that a half ends with. */
  private Value last(String half, Value x, int out) {
    Layers exact = layers.exact();
    Normed normed =
        exact.norm(
            half + ".conv_out",
            half + ".conv_norm_out",
            x,
            network.groups(),
            EPS,
            null,
            Activation.SILU);
    int in = x.shape().channels();
    return exact.convolution(normed, Resize.NONE, USUAL, null, out, in, 3, 3);
  }

  private static Value convolution3(Layers vocabulary, String name, Value read, int out) {
    return vocabulary.convolution(name, read, 1, USUAL, null, out, read.shape().channels(), 3, 3);
  }

  private Value pointwise(String name, Value x, int out) {
    return layers.exact().convolution(name, x, 1, USUAL, null, out, x.shape().channels(), 1, 1);
  }
}
