package org.halfstep.latent;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.halfstep.checkpoint.TextDescription;
import org.halfstep.files.Json;
import org.halfstep.graph.Graph;
import org.halfstep.model.DiffusionArchitecture;
import org.halfstep.model.Layers;
import org.halfstep.model.ModelCard;
import org.halfstep.model.NetworkFormat;

/**
 * A text encoder and the latent UNet that looks at its states, as one network: the numbers of
 * tokens go in, and gradients reach both. Its parameters are those of the two under their own
 * names, of which they share none, so either can be written by itself.
 *
 * @param text numbers of the text encoder, as wide as the UNet's context
 * @param unet for texts of as many tokens as the text encoder has positions; without a table of
 *     classes
 */
public record TextUNetConfig(TextDescription text, LatentUNetConfig unet)
    implements DiffusionArchitecture {
  /** Files of both. */
  public static final NetworkFormat<TextUNetConfig, ModelCard> FORMAT =
      new NetworkFormat<>(
          "halfstep-text-unet-1",
          "latent UNet with its text encoder",
          TextUNetConfig::fromJson,
          ModelCard::fromJson,
          (_, card) -> card.requireTimes());

  public TextUNetConfig {
    if (text == null || unet == null) {
      throw new IllegalArgumentException("text encoder and UNet must be given");
    }
    if (unet.hasClasses()) {
      throw new IllegalArgumentException("a UNet with a table of classes looks at no text");
    }
    if (text.width() != unet.network().context()) {
      throw new IllegalArgumentException(
          "the text encoder's states are "
              + text.width()
              + " wide, the UNet's context "
              + unet.network().context()
              + ": expected the same");
    }
    if (text.positions() != unet.tokens()) {
      throw new IllegalArgumentException(
          "the text encoder has "
              + text.positions()
              + " positions, the UNet's context "
              + unet.tokens()
              + " tokens: expected the same");
    }
  }

  @Override
  public NetworkFormat<TextUNetConfig, ModelCard> format() {
    return FORMAT;
  }

  @Override
  public void write(Layers layers) {
    LatentUNet.write(unet, layers, ClipTextConfig.context(text).states(layers));
  }

  @Override
  public TextUNetPorts ports(Graph graph) {
    return TextUNetPorts.of(this, graph);
  }

  @Override
  public long leastTensors() {
    return (long) text.shapes().size() + unet.leastTensors();
  }

  /** As it is stored: the text encoder in the keys of transformers. */
  private record Stored(
      @JsonProperty(required = true) ObjectNode text,
      @JsonProperty(required = true) ObjectNode unet) {}

  @Override
  public String toJson() {
    return Json.text(
        new Stored(text.toJson(), Json.parse(ObjectNode.class, "UNet", unet.toJson())));
  }

  /**
   * @throws IllegalArgumentException in one line
   */
  public static TextUNetConfig fromJson(String json) {
    Stored stored = Json.parse(Stored.class, "latent UNet with its text encoder", json);
    return new TextUNetConfig(
        TextDescription.fromJson(stored.text()),
        LatentUNetConfig.fromJson(Json.text(stored.unet())));
  }
}
