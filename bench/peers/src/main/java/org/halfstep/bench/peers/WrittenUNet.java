package org.halfstep.bench.peers;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.halfstep.model.UNetConfig;

/**
 * The ADM UNet in another engine's notation: written from the paper's description, not from the
 * engine's graph, so that agreement says something. Source: Dhariwal and Nichol, "Diffusion Models
 * Beat GANs on Image Synthesis", 2021; names of parameters as in the public checkpoints.
 */
final class WrittenUNet {
  static final String IMAGES = "x";
  static final String TIMES = "t";
  static final String LABELS = "y";

  private final UNetConfig config;
  private final Notation notation;
  private final Deque<Integer> skipChannels = new ArrayDeque<>();
  private final Deque<String> skips = new ArrayDeque<>();
  private String embedding;
  private String h = IMAGES;
  private int channels;
  private int side;

  private WrittenUNet(UNetConfig config, Notation notation) {
    this.config = config;
    this.notation = notation;
    this.side = config.imageSize();
  }

  /**
   * Writes the network.
   *
   * @return the name of its result
   * @throws IllegalArgumentException for kinds of the network that the peers are not timed with
   */
  static String write(UNetConfig config, Notation notation) {
    if (!config.scaleShiftNorm()
        || !config.residualResampling()
        || !config.newAttentionOrder()
        || config.nullLabel()
        || config.isGuided()
        || config.numHeadChannels() == null
        || config.numClasses() == null) {
      throw new IllegalArgumentException("expected a network as the peers have it, got " + config);
    }
    return new WrittenUNet(config, notation).describe();
  }

  private String describe() {
    String time = notation.sinusoid(TIMES, config.modelChannels());
    time = notation.silu(notation.linear(time, "time_embed.0"));
    time = notation.linear(time, "time_embed.2");
    embedding = notation.silu(notation.add(time, notation.rows("label_emb.weight", LABELS)));

    List<Integer> widths = config.widths();
    channels = widths.getFirst();
    h = notation.convolution(h, "input_blocks.0.0", 3);
    keep();
    int number = 1;
    for (int level = 0; level < widths.size(); level++) {
      for (int i = 0; i < config.numResBlocks(); i++) {
        stage("input_blocks." + number++, widths.get(level));
        keep();
      }
      if (level + 1 < widths.size()) {
        residual("input_blocks." + number++ + ".0", channels, Resize.HALVE);
        keep();
      }
    }
    residual("middle_block.0", channels, Resize.NONE);
    attention("middle_block.1");
    residual("middle_block.2", channels, Resize.NONE);
    number = 0;
    for (int level = widths.size() - 1; level >= 0; level--) {
      for (int i = 0; i <= config.numResBlocks(); i++) {
        String name = "output_blocks." + number++;
        h = notation.concatenated(h, skips.pop());
        channels += skipChannels.pop();
        int layers = stage(name, widths.get(level));
        if (level > 0 && i == config.numResBlocks()) {
          residual(name + "." + layers, channels, Resize.DOUBLE);
        }
      }
    }
    h = notation.silu(notation.groupNorm(h, "out.0", channels, side));
    return notation.convolution(h, "out.2", 3);
  }

  private void keep() {
    skips.push(h);
    skipChannels.push(channels);
  }

  /** A residual block, and attention where this side has it; says how many layers that were. */
  private int stage(String name, int out) {
    residual(name + ".0", out, Resize.NONE);
    if (!config.attentionResolutions().contains(side)) {
      return 1;
    }
    attention(name + ".1");
    return 2;
  }

  private enum Resize {
    NONE,
    HALVE,
    DOUBLE
  }

  private String resized(String x, Resize resize) {
    return switch (resize) {
      case NONE -> x;
      case HALVE -> notation.halved(x);
      case DOUBLE -> notation.doubled(x);
    };
  }

  private void residual(String name, int out, Resize resize) {
    String inner = notation.silu(notation.groupNorm(h, name + ".in_layers.0", channels, side));
    inner = resized(inner, resize);
    String skip = resized(h, resize);
    side = resize == Resize.HALVE ? side / 2 : resize == Resize.DOUBLE ? side * 2 : side;
    inner = notation.convolution(inner, name + ".in_layers.2", 3);
    String modulation = notation.linear(embedding, name + ".emb_layers.1");
    inner = notation.groupNorm(inner, name + ".out_layers.0", out, side);
    inner = notation.silu(notation.modulated(inner, modulation, out));
    inner = notation.convolution(inner, name + ".out_layers.3", 3);
    if (channels != out) {
      skip = notation.convolution(skip, name + ".skip_connection", 1);
    }
    h = notation.add(skip, inner);
    channels = out;
  }

  private void attention(String name) {
    String inner = notation.groupNorm(h, name + ".norm", channels, side);
    inner = notation.convolution(inner, name + ".qkv", 1);
    inner = notation.attention(inner, channels, config.numHeadChannels(), side);
    h = notation.add(h, notation.convolution(inner, name + ".proj_out", 1));
  }
}
