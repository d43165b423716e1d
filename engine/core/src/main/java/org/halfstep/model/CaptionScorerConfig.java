package org.halfstep.model;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.halfstep.files.Json;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter.Initializer;
import org.halfstep.graph.Shape;
import org.halfstep.graph.Value;

/**
 * A small network that brings images and texts into one space, as CLIP does: the residual network
 * of {@link ClassifierConfig} and a linear layer for images, one linear layer for the vector that a
 * text encoder, which does not change, makes of a text. Its output is the image's embedding, the
 * text's, and a number that training learns, the logarithm of the scale of their cosines less its
 * first value.
 *
 * <p>Source: Radford et al. 2021, "Learning Transferable Visual Models From Natural Language
 * Supervision".
 *
 * @param imageSize side of the images in pixels, as {@link ClassifierConfig#imageSize}
 * @param channels 1 for greyscale images, 3 for RGB
 * @param widths channels of the levels, as {@link ClassifierConfig#widths}
 * @param text numbers of a text's vector, from 1 to 65,536
 * @param embedding numbers of an embedding, a multiple of 8 from 8 to 4,096
 */
public record CaptionScorerConfig(
    @JsonProperty("image_size") int imageSize,
    int channels,
    List<Integer> widths,
    int text,
    int embedding)
    implements Architecture {
  /** Files of caption scorers. */
  public static final NetworkFormat<CaptionScorerConfig, ComponentCard> FORMAT =
      new NetworkFormat<>(
          "halfstep-caption-scorer-1",
          "caption scorer",
          CaptionScorerConfig::fromJson,
          ComponentCard::fromJson,
          (_, _) -> {});

  private static final int MOST_TEXT = 1 << 16;
  private static final int MOST_EMBEDDING = 1 << 12;
  private static final int MULTIPLE = 8;
  private static final String TEXT_LAYER = "text_projection";

  public CaptionScorerConfig {
    ClassifierConfig network = network(imageSize, channels, widths);
    widths = network.widths();
    if (text < 1 || text > MOST_TEXT) {
      throw new IllegalArgumentException(
          "caption scorer: a text's vector has 1 to " + MOST_TEXT + " numbers, got " + text);
    }
    if (embedding < MULTIPLE || embedding > MOST_EMBEDDING || embedding % MULTIPLE != 0) {
      throw new IllegalArgumentException(
          "caption scorer: an embedding has a multiple of "
              + MULTIPLE
              + " numbers, up to "
              + MOST_EMBEDDING
              + ", got "
              + embedding);
    }
  }

  private static ClassifierConfig network(int imageSize, int channels, List<Integer> widths) {
    return new ClassifierConfig(imageSize, channels, 2, widths);
  }

  /** Numbers of an image that metrics compare. */
  @JsonIgnore
  public int features() {
    return widths.getLast();
  }

  /** Numbers of the output: two embeddings and the scale. */
  @JsonIgnore
  public int outputs() {
    return 2 * embedding + 1;
  }

  /** The name of the parameter that multiplies texts' vectors, [embedding, text]. */
  @JsonIgnore
  public String textWeight() {
    return TEXT_LAYER + ".weight";
  }

  /** The name of the parameter that is added then. */
  @JsonIgnore
  public String textBias() {
    return TEXT_LAYER + ".bias";
  }

  @Override
  public NetworkFormat<CaptionScorerConfig, ComponentCard> format() {
    return FORMAT;
  }

  @Override
  public void write(Layers layers) {
    Graph graph = layers.graph();
    Value features = Classifier.features(network(imageSize, channels, widths), layers);
    Value words = graph.image(CaptionScorerPorts.TEXT, Shape.vector(text));
    Value one = graph.scalar(CaptionScorerPorts.ONE);
    Value image = layers.linear("image_projection", features, embedding);
    Value said = layers.linear(TEXT_LAYER, words, embedding);
    Value scale = layers.linearWithoutBias("log_scale", one, 1, Initializer.ZERO);
    graph.name(ExtractorPorts.OUT, graph.single(graph.concatenate(image, said, scale)));
  }

  @Override
  public CaptionScorerPorts ports(Graph graph) {
    return CaptionScorerPorts.of(graph);
  }

  @Override
  public String toJson() {
    return Json.text(this);
  }

  /**
   * @throws IllegalArgumentException in one line
   */
  public static CaptionScorerConfig fromJson(String json) {
    return Json.parse(CaptionScorerConfig.class, "caption scorer", json);
  }
}
