package org.halfstep.model;

import java.util.List;
import java.util.Locale;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Shape;
import org.halfstep.model.Layers.Resize;

/** Single blocks of a UNet as graphs, for checks: inputs "x" and "emb", output "out". */
public final class UNetBlocks {
  /** What the names of all parameters start with. */
  public static final String NAME = "block";

  private static final int EMBEDDING_WIDTHS = 4;

  private UNetBlocks() {}

  /** An attention block. */
  public static Graph attention(Shape image, int heads, boolean newOrder, int headChannels) {
    int channels = image.channels();
    UNetConfig config = config(channels, List.of(1.0), headChannels, newOrder, false);
    if (config.heads(channels) != heads) {
      throw new IllegalArgumentException(
          channels + " channels are not " + heads + " heads of " + headChannels);
    }
    return UNet.alone(config, new UNetLayer.Attention(NAME, channels), image);
  }

  /**
   * A residual block.
   *
   * @param out channels of the output
   * @param embedding width of the embedding
   * @param resize "none", "up" or "down"
   */
  public static Graph residual(
      Shape image, int out, int embedding, boolean scaleShift, String resize) {
    int base = embedding / EMBEDDING_WIDTHS;
    UNetConfig config = config(base, List.of((double) out / base), null, false, scaleShift);
    Resize kind = Resize.valueOf(resize.toUpperCase(Locale.ROOT));
    return UNet.alone(config, new UNetLayer.Residual(NAME, image.channels(), out, kind), image);
  }

  private static UNetConfig config(
      int modelChannels,
      List<Double> channelMult,
      Integer headChannels,
      boolean newOrder,
      boolean scaleShift) {
    return new UNetConfig(
        1,
        1,
        modelChannels,
        1,
        1,
        List.of(),
        channelMult,
        null,
        false,
        headChannels,
        1,
        scaleShift,
        false,
        true,
        newOrder,
        0,
        null);
  }
}
