package org.halfstep.model;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Objects;
import org.halfstep.files.Json;
import org.halfstep.graph.Graph;

/**
 * The shape of a small convolutional classifier of images, for data that Inception means little
 * for. Each level halves the image by a convolution of stride 2 and, while pixels are left to mix,
 * refines it by a residual one; group norm and SiLU stand between them. The mean over the last
 * level's pixels are the features, one linear layer makes them logits.
 *
 * @param imageSize side of the images in pixels, up to 16,384; halved, rounded up, once per width
 *     after the first, it must give a power of two
 * @param channels 1 for greyscale images, 3 for RGB
 * @param classes number of classes, from 2 to 1,048,576
 * @param widths channels of the first convolution, then of each level; multiples of {@value
 *     #GROUPS} up to 16,384, 2 to 16 of them
 */
public record ClassifierConfig(
    @JsonProperty("image_size") int imageSize, int channels, int classes, List<Integer> widths)
    implements Architecture {
  /** Files of classifiers. */
  public static final NetworkFormat<ClassifierConfig, ClassifierCard> FORMAT =
      new NetworkFormat<>(
          "halfstep-classifier-1",
          "classifier",
          ClassifierConfig::fromJson,
          ClassifierCard::fromJson,
          ClassifierConfig::requireAgreement);

  /** Groups of every normalisation. */
  static final int GROUPS = 8;

  private static final int MAXIMUM_SIDE = 1 << 14;
  private static final int MAXIMUM_CLASSES = 1 << 20;
  private static final int MAXIMUM_LEVELS = 16;
  private static final int MAXIMUM_WIDTH = 1 << 14;

  public ClassifierConfig {
    require(widths != null && widths.stream().noneMatch(Objects::isNull), "widths must be given");
    require(
        widths.size() >= 2 && widths.size() <= MAXIMUM_LEVELS,
        "there must be 2 to " + MAXIMUM_LEVELS + " widths, got " + widths.size());
    widths = List.copyOf(widths);
    require(
        imageSize >= 1 && imageSize <= MAXIMUM_SIDE,
        "the image size must be from 1 to " + MAXIMUM_SIDE + ", got " + imageSize);
    require(channels == 1 || channels == 3, "images have 1 or 3 channels, got " + channels);
    require(
        classes >= 2 && classes <= MAXIMUM_CLASSES,
        "there must be 2 to " + MAXIMUM_CLASSES + " classes, got " + classes);
    require(
        widths.stream()
            .allMatch(width -> width > 0 && width <= MAXIMUM_WIDTH && width % GROUPS == 0),
        "widths must be multiples of " + GROUPS + " up to " + MAXIMUM_WIDTH + ", got " + widths);
    int side = lastSide(imageSize, widths.size() - 1);
    require(
        Integer.bitCount(side) == 1,
        "images of side "
            + imageSize
            + " end as "
            + side
            + "x"
            + side
            + " after "
            + (widths.size() - 1)
            + " halvings; expected a power of two: change the number of widths or the image size");
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException("classifier: " + message);
    }
  }

  private static int lastSide(int side, int halvings) {
    int left = side;
    for (int i = 0; i < halvings; i++) {
      left = (left + 1) / 2;
    }
    return left;
  }

  /** Numbers that the last level says of an image: what image metrics compare. */
  @JsonIgnore
  public int features() {
    return widths.getLast();
  }

  @Override
  public NetworkFormat<ClassifierConfig, ClassifierCard> format() {
    return FORMAT;
  }

  private static void requireAgreement(ClassifierConfig config, ClassifierCard card) {
    if (card.classNames().size() > config.classes) {
      throw new IllegalArgumentException(
          "names " + card.classNames().size() + " classes, but its network has " + config.classes);
    }
  }

  @Override
  public void write(Layers layers) {
    Classifier.write(this, layers);
  }

  @Override
  public ExtractorPorts ports(Graph graph) {
    return ExtractorPorts.of(graph);
  }

  @Override
  public String toJson() {
    return Json.text(this);
  }

  public static ClassifierConfig fromJson(String json) {
    return Json.parse(ClassifierConfig.class, "classifier", json);
  }
}
