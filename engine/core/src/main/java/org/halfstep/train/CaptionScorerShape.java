package org.halfstep.train;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.halfstep.model.CaptionScorerConfig;

/**
 * The shape of a caption scorer, without the width of a text's vector, which is the text encoder's.
 *
 * @param imageSize side of the pictures in pixels, up to 16,384; halved, rounded up, once per width
 *     after the first, it must give a power of two
 * @param channels 1 for greyscale pictures, 3 for RGB
 * @param widths channels of the first convolution, then of each level of the network that sees
 *     pictures; multiples of 8 up to 16,384, 2 to 16 of them
 * @param embedding numbers of an embedding, a multiple of 8 from 8 to 4,096
 */
public record CaptionScorerShape(
    @JsonProperty("image_size") int imageSize, int channels, List<Integer> widths, int embedding) {
  public CaptionScorerShape {
    widths = new CaptionScorerConfig(imageSize, channels, widths, 1, embedding).widths();
  }

  /** The network for texts' vectors of so many numbers. */
  public CaptionScorerConfig network(int text) {
    return new CaptionScorerConfig(imageSize, channels, widths, text, embedding);
  }
}
