package org.halfstep.latent;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.halfstep.device.Activation;
import org.halfstep.device.Window;
import org.halfstep.files.DataException;
import org.halfstep.files.Json;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter.Initializer;
import org.halfstep.graph.Shape;
import org.halfstep.graph.Value;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Layers;
import org.halfstep.model.Layers.Form;
import org.halfstep.model.Layers.Resize;
import org.halfstep.model.NetworkFormat;
import org.halfstep.model.TensorNames;
import org.halfstep.model.TensorPlace;
import org.halfstep.safetensors.TensorView;
import org.halfstep.safetensors.Tensors;

/**
 * One half of TAESD, a small first stage that imitates Stable Diffusion's in a fortieth of its
 * arithmetic: convolutions and ReLU, no norm, no attention. It works on latents as the diffusion
 * model sees them; its images lie in [0, 1] inside. Parameters have the names of diffusers'
 * AutoencoderTiny. Source: specification 3.4.
 *
 * @param half which one it is
 * @param latentChannels 4 for Stable Diffusion 1 and 2
 * @param channels of every convolution between
 * @param height rows of a latent
 * @param width columns of a latent
 */
public record TinyAutoencoderConfig(
    Half half,
    @JsonProperty("latent_channels") int latentChannels,
    int channels,
    int height,
    int width)
    implements FirstStageHalf {
  /** Files of one half. */
  public static final NetworkFormat<TinyAutoencoderConfig, ComponentCard> FORMAT =
      new NetworkFormat<>(
          "halfstep-tiny-autoencoder-1",
          "first stage",
          json -> Json.parse(TinyAutoencoderConfig.class, "first stage", json),
          ComponentCard::fromJson,
          (config, card) -> {});

  private static final int IMAGE_CHANNELS = 3;
  private static final int FACTOR = 8;
  private static final int HALVINGS = 3;

  /** Blocks of a level; there is one at the images' size. */
  private static final int BLOCKS = 3;

  private static final int LATENT_CHANNELS = 4;
  private static final int CHANNELS = 64;

  /** Number of the encoder's last convolution. */
  private static final int LAST_OF_ENCODER = 2 + HALVINGS * (1 + BLOCKS);

  private static final int MOST_CHANNELS = 1024;
  private static final int MOST_EXTENT = 1 << 11;

  /** Latents are squashed into plus and minus this before they are decoded. */
  private static final double MAGNITUDE = 3;

  private static final Window HALVING = Window.square(3, 2, 1);
  private static final Window PLAIN = Window.square(3, 1, 1);
  private static final Form USUAL = new Form(PLAIN, Initializer.FAN_IN_UNIFORM);

  public TinyAutoencoderConfig {
    if (half == null
        || latentChannels < 1
        || latentChannels > MOST_CHANNELS
        || channels < 1
        || channels > MOST_CHANNELS) {
      throw new IllegalArgumentException(
          "first stage: expected a half, and 1 to " + MOST_CHANNELS + " channels");
    }
    if (height < 1 || height > MOST_EXTENT || width < 1 || width > MOST_EXTENT) {
      throw new IllegalArgumentException(
          "first stage: latents must be from 1x1 to "
              + MOST_EXTENT
              + "x"
              + MOST_EXTENT
              + ", got "
              + height
              + "x"
              + width);
    }
    if ((long) FACTOR * height * FACTOR * width * channels > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "first stage: images of "
              + FACTOR * height
              + "x"
              + FACTOR * width
              + " need values of more than "
              + Integer.MAX_VALUE
              + " numbers: use tiles");
    }
  }

  /**
   * The half that a file has, by the extents of its first and last convolution.
   *
   * @throws IOException in one line, when it has none
   */
  static TinyAutoencoderConfig of(Half half, Tensors tensors, int height, int width)
      throws IOException {
    TinyAutoencoderConfig usual =
        new TinyAutoencoderConfig(half, LATENT_CHANNELS, CHANNELS, height, width);
    long[] first = usual.extents(tensors, 0);
    long latents = half == Half.ENCODER ? usual.extents(tensors, LAST_OF_ENCODER)[0] : first[1];
    if (first[0] > MOST_CHANNELS || latents > MOST_CHANNELS) {
      throw new DataException(
          tensors.origin(),
          "has convolutions of "
              + Math.max(first[0], latents)
              + " channels, expected at most "
              + MOST_CHANNELS);
    }
    return new TinyAutoencoderConfig(half, (int) latents, (int) first[0], height, width);
  }

  private long[] extents(Tensors tensors, int number) throws IOException {
    String parameter = prefix() + number + ".weight";
    for (TensorPlace place : names().places(parameter)) {
      TensorView found = tensors.find(((TensorPlace.Stored) place).tensor()).orElse(null);
      if (found != null && found.shape().length == 4) {
        return found.shape();
      }
    }
    throw new DataException(
        tensors.origin(),
        "has no convolution " + parameter + ": expected a file of " + names().layout());
  }

  @Override
  public TinyAutoencoderConfig sized(int newHeight, int newWidth) {
    return new TinyAutoencoderConfig(half, latentChannels, channels, newHeight, newWidth);
  }

  @Override
  public int factor() {
    return FACTOR;
  }

  @Override
  public int imageChannels() {
    return IMAGE_CHANNELS;
  }

  @Override
  public boolean isGaussian() {
    return false;
  }

  /** Images in [0, 1]; latents within {@value #MAGNITUDE} of 0. */
  @Override
  public double in(double number) {
    return half == Half.ENCODER ? (number + 1) / 2 : MAGNITUDE * Math.tanh(number / MAGNITUDE);
  }

  @Override
  public double out(double number) {
    return half == Half.ENCODER ? number : 2 * number - 1;
  }

  private String prefix() {
    return half == Half.ENCODER ? "encoder.layers." : "decoder.layers.";
  }

  @Override
  public NetworkFormat<TinyAutoencoderConfig, ComponentCard> format() {
    return FORMAT;
  }

  @Override
  public AutoencoderPorts ports(Graph graph) {
    return AutoencoderPorts.of(graph);
  }

  @Override
  public String toJson() {
    return Json.text(this);
  }

  // ---- Layers

  @Override
  public void write(Layers layers) {
    Graph graph = layers.graph();
    Value out = graph.toFloat(half == Half.ENCODER ? encoder(layers) : decoder(layers));
    graph.name(AutoencoderPorts.OUT, out);
  }

  private Value encoder(Layers layers) {
    Graph graph = layers.graph();
    Shape image = new Shape(FACTOR * height, FACTOR * width, IMAGE_CHANNELS);
    Value x = graph.toActivation(graph.image(AutoencoderPorts.IMAGE, image));
    Value h = convolution(layers.exact(), 0, x, USUAL, channels);
    h = block(layers, 1, h);
    int number = 2;
    for (int level = 0; level < HALVINGS; level++) {
      Form halving = new Form(HALVING, Initializer.FAN_IN_UNIFORM).withoutBias();
      h = convolution(layers, number++, h, halving, channels);
      for (int i = 0; i < BLOCKS; i++) {
        h = block(layers, number++, h);
      }
    }
    return convolution(layers.exact(), number, h, USUAL, latentChannels);
  }

  private Value decoder(Layers layers) {
    Graph graph = layers.graph();
    Value z = graph.image(AutoencoderPorts.LATENT, new Shape(height, width, latentChannels));
    Form entry = USUAL.then(Activation.RELU);
    Value h = convolution(layers.exact(), 0, graph.toActivation(z), entry, channels);
    int number = 2;
    for (int level = 0; level < HALVINGS; level++) {
      for (int i = 0; i < BLOCKS; i++) {
        h = block(layers, number++, h);
      }
      h = layers.resize(prefix() + number++, h, Resize.UP);
      h = convolution(layers, number++, h, USUAL.withoutBias(), channels);
    }
    h = block(layers, number++, h);
    return convolution(layers.exact(), number, h, USUAL, IMAGE_CHANNELS);
  }

  private Value block(Layers layers, int number, Value x) {
    Form activated = USUAL.then(Activation.RELU);
    Value h = convolution(layers, number + ".conv.0", x, activated, channels);
    h = convolution(layers, number + ".conv.2", h, activated, channels);
    return convolution(layers, number + ".conv.4", h, activated.plus(x), channels);
  }

  private Value convolution(Layers layers, int number, Value x, Form form, int out) {
    return convolution(layers, Integer.toString(number), x, form, out);
  }

  private Value convolution(Layers layers, String place, Value x, Form form, int out) {
    return layers.convolution(prefix() + place, x, form, out, x.shape().channels(), 3, 3);
  }

  // ---- Names

  /**
   * The names in files: those of diffusers; or the bare numbers of the first program, which counts
   * the squashing of latents as the decoder's first layer.
   */
  @Override
  public TensorNames names() {
    int first = half == Half.ENCODER ? 0 : 1;
    Pattern own = Pattern.compile(Pattern.quote(prefix()) + "(\\d+)(\\..+)");
    return new TensorNames() {
      @Override
      public String layout() {
        return "AutoencoderTiny or TAESD";
      }

      @Override
      public List<TensorPlace> places(String parameter) {
        List<TensorPlace> places = new ArrayList<>(List.of(TensorPlace.Stored.whole(parameter)));
        Matcher numbered = own.matcher(parameter);
        if (numbered.matches()) {
          int number = Integer.parseInt(numbered.group(1)) + first;
          places.add(TensorPlace.Stored.whole(number + numbered.group(2)));
        }
        return places;
      }

      @Override
      public boolean ignores(String tensor) {
        return tensor.startsWith("encoder.") || tensor.startsWith("decoder.");
      }
    };
  }
}
