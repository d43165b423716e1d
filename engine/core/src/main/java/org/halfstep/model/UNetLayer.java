package org.halfstep.model;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.halfstep.model.Layers.Resize;

/** One layer of a UNet under its checkpoint name. */
sealed interface UNetLayer {
  String name();

  /** The convolution that reads the image. */
  record Entry(String name, int out) implements UNetLayer {}

  /** norm-silu-[resize]-conv, modulation, norm-silu-conv, plus a skip path. */
  record Residual(String name, int in, int out, Resize resize) implements UNetLayer {}

  /** Self-attention with its norm and projections. */
  record Attention(String name, int channels) implements UNetLayer {}

  /** Plain up- or downsampling, with or without a convolution. */
  record Resample(String name, int channels, Resize resize) implements UNetLayer {}

  /** The blocks of a network: each is a list of layers that run in order. */
  record Blocks(List<List<UNetLayer>> input, List<UNetLayer> middle, List<List<UNetLayer>> output) {

    /**
     * The blocks that a configuration describes, in the order and with the names of the public
     * checkpoints.
     */
    static Blocks of(UNetConfig config) {
      List<Integer> widths = config.widths();
      int last = widths.size() - 1;
      int channels = widths.getFirst();
      int size = config.imageSize();
      Deque<Integer> skips = new ArrayDeque<>();
      List<List<UNetLayer>> input = new ArrayList<>();
      input.add(List.of(new Entry("input_blocks.0.0", channels)));
      skips.push(channels);
      for (int level = 0; level <= last; level++) {
        for (int i = 0; i < config.numResBlocks(); i++) {
          String prefix = "input_blocks." + input.size() + ".";
          List<UNetLayer> layers = new ArrayList<>();
          layers.add(new Residual(prefix + 0, channels, widths.get(level), Resize.NONE));
          channels = widths.get(level);
          if (config.attentionResolutions().contains(size)) {
            layers.add(new Attention(prefix + 1, channels));
          }
          input.add(layers);
          skips.push(channels);
        }
        if (level < last) {
          String name = "input_blocks." + input.size() + ".0";
          input.add(List.of(resample(config, name, channels, Resize.DOWN)));
          skips.push(channels);
          size /= 2;
        }
      }
      List<UNetLayer> middle =
          List.of(
              new Residual("middle_block.0", channels, channels, Resize.NONE),
              new Attention("middle_block.1", channels),
              new Residual("middle_block.2", channels, channels, Resize.NONE));
      List<List<UNetLayer>> output = new ArrayList<>();
      for (int level = last; level >= 0; level--) {
        for (int i = 0; i <= config.numResBlocks(); i++) {
          String prefix = "output_blocks." + output.size() + ".";
          List<UNetLayer> layers = new ArrayList<>();
          layers.add(
              new Residual(prefix + 0, channels + skips.pop(), widths.get(level), Resize.NONE));
          channels = widths.get(level);
          if (config.attentionResolutions().contains(size)) {
            layers.add(new Attention(prefix + 1, channels));
          }
          if (level > 0 && i == config.numResBlocks()) {
            layers.add(resample(config, prefix + layers.size(), channels, Resize.UP));
            size *= 2;
          }
          output.add(layers);
        }
      }
      return new Blocks(input, middle, output);
    }

    private static UNetLayer resample(UNetConfig config, String name, int channels, Resize resize) {
      return config.residualResampling()
          ? new Residual(name, channels, channels, resize)
          : new Resample(name, channels, resize);
    }

    /** All residual blocks in execution order: the order of their embedding projections. */
    List<Residual> residuals() {
      List<Residual> found = new ArrayList<>();
      input.forEach(block -> collect(block, found));
      collect(middle, found);
      output.forEach(block -> collect(block, found));
      return found;
    }

    private static void collect(List<UNetLayer> block, List<Residual> found) {
      for (UNetLayer layer : block) {
        if (layer instanceof Residual residual) {
          found.add(residual);
        }
      }
    }
  }
}
