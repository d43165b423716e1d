package org.halfstep.train;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.halfstep.checkpoint.AutoencoderDescription;
import org.halfstep.latent.VariationalAutoencoderConfig;

/**
 * The numbers that the shape of an autoencoder follows from, under the names that diffusers has for
 * them.
 *
 * @param imageSize rows and columns of the images, a multiple of the factor, which is 2 to the
 *     power of the levels but one
 * @param inChannels channels of the images, 1 or 3
 * @param latentChannels channels of a latent
 * @param widths channels per level, from the outermost; multiples of the groups
 * @param layers residual blocks per level of the encoder; the decoder has one more
 * @param groups of the group norms
 */
public record AutoencoderShape(
    @JsonProperty("image_size") int imageSize,
    @JsonProperty("in_channels") int inChannels,
    @JsonProperty("latent_channels") int latentChannels,
    @JsonProperty("block_out_channels") List<Integer> widths,
    @JsonProperty("layers_per_block") int layers,
    @JsonProperty("norm_num_groups") int groups) {
  public AutoencoderShape {
    if (widths == null) {
      throw new IllegalArgumentException("autoencoder: block_out_channels is missing");
    }
    widths = List.copyOf(widths);
    AutoencoderDescription.fromJson(
        described(inChannels, latentChannels, widths, layers, groups, 1).toJson());
    int factor = 1 << (widths.size() - 1);
    if (imageSize < factor || imageSize % factor != 0) {
      throw new IllegalArgumentException(
          "autoencoder: image_size must be a multiple of "
              + factor
              + " for "
              + widths.size()
              + " levels, got "
              + imageSize);
    }
  }

  private static AutoencoderDescription described(
      int inChannels,
      int latentChannels,
      List<Integer> widths,
      int layers,
      int groups,
      double scaling) {
    return new AutoencoderDescription(
        inChannels, latentChannels, widths, layers, groups, scaling, 0, latentChannels);
  }

  /**
   * The first stage of these numbers.
   *
   * @param scaling what a latent is multiplied by before a diffusion model sees it
   */
  public AutoencoderDescription description(double scaling) {
    return described(inChannels, latentChannels, widths, layers, groups, scaling);
  }

  /** Rows and columns of a latent. */
  public int latentSize() {
    return imageSize >> (widths.size() - 1);
  }

  /**
   * Both halves as they are trained.
   *
   * @param divergence weight of the divergence per number of a latent
   */
  public VariationalAutoencoderConfig network(double divergence) {
    return new VariationalAutoencoderConfig(description(1), latentSize(), latentSize(), divergence);
  }
}
