package org.halfstep.model;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;

/**
 * The shape of a {@link Classifier}.
 *
 * @param imageSize side of the images in pixels; halved, rounded up, once per width after the
 *     first, it must give a power of two
 * @param channels 1 for greyscale images, 3 for RGB
 * @param classes number of classes
 * @param widths channels of the first convolution, then of each level; multiples of {@value
 *     #GROUPS}, at least two
 */
public record ClassifierConfig(
    @JsonProperty("image_size") int imageSize, int channels, int classes, List<Integer> widths) {
  /** Groups of every normalisation. */
  static final int GROUPS = 8;

  private static final ObjectMapper JSON = new ObjectMapper();

  public ClassifierConfig {
    widths = widths == null ? List.of() : List.copyOf(widths);
    require(imageSize >= 1, "the image size must be at least 1, got " + imageSize);
    require(channels == 1 || channels == 3, "images have 1 or 3 channels, got " + channels);
    require(classes >= 2, "there must be at least 2 classes, got " + classes);
    require(
        widths.size() >= 2 && widths.stream().allMatch(width -> width > 0 && width % GROUPS == 0),
        "widths must be two or more multiples of " + GROUPS + ", got " + widths);
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

  public String toJson() {
    try {
      return JSON.writeValueAsString(this);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  public static ClassifierConfig fromJson(String json) {
    try {
      return JSON.readValue(json, ClassifierConfig.class);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("classifier: " + e.getOriginalMessage(), e);
    }
  }
}
