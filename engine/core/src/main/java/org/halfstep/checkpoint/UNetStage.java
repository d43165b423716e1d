package org.halfstep.checkpoint;

import java.util.ArrayList;
import java.util.List;

/**
 * The blocks of a latent UNet that see images of one size, in the order in which they run.
 *
 * @param level counted from the outermost, 0
 * @param blocks at least one
 * @param resampler name of the convolution that changes the size behind them; null for none
 */
public record UNetStage(int level, List<Block> blocks, String resampler) {
  /**
   * A residual block and the transformer behind it.
   *
   * @param resnet name of the residual block
   * @param in channels that it reads; on the way up those of a skip among them
   * @param out channels that it and the transformer write
   * @param transformer its name; null for none
   */
  public record Block(String resnet, int in, int out, String transformer) {}

  public UNetStage {
    blocks = List.copyOf(blocks);
  }

  /** The way down. */
  static List<UNetStage> down(UNetDescription unet) {
    List<UNetStage> stages = new ArrayList<>();
    int width = unet.channels().getFirst();
    int last = unet.channels().size() - 1;
    for (int level = 0; level <= last; level++) {
      String name = "down_blocks." + level;
      int out = unet.channels().get(level);
      List<Block> blocks = new ArrayList<>();
      for (int i = 0; i < unet.layers(); i++) {
        blocks.add(block(name, i, width, out, unet.downAttention().get(level)));
        width = out;
      }
      stages.add(
          new UNetStage(level, blocks, level == last ? null : name + ".downsamplers.0.conv"));
    }
    return stages;
  }

  /** The middle: a residual block with a transformer, and one without. */
  static UNetStage middle(UNetDescription unet) {
    int width = unet.channels().getLast();
    return new UNetStage(
        unet.channels().size() - 1,
        List.of(
            block("mid_block", 0, width, width, true), block("mid_block", 1, width, width, false)),
        null);
  }

  /**
   * The way up: each block joins what the way down left at its size, the last one that of the size
   * above.
   */
  static List<UNetStage> up(UNetDescription unet) {
    List<UNetStage> stages = new ArrayList<>();
    List<Integer> reversed = unet.channels().reversed();
    int last = reversed.size() - 1;
    int width = reversed.getFirst();
    for (int stage = 0; stage <= last; stage++) {
      String name = "up_blocks." + stage;
      int out = reversed.get(stage);
      int above = reversed.get(Math.min(stage + 1, last));
      List<Block> blocks = new ArrayList<>();
      for (int i = 0; i <= unet.layers(); i++) {
        int skip = i == unet.layers() ? above : out;
        blocks.add(block(name, i, width + skip, out, unet.upAttention().get(stage)));
        width = out;
      }
      stages.add(
          new UNetStage(last - stage, blocks, stage == last ? null : name + ".upsamplers.0.conv"));
    }
    return stages;
  }

  private static Block block(String stage, int index, int in, int out, boolean attends) {
    return new Block(
        stage + ".resnets." + index, in, out, attends ? stage + ".attentions." + index : null);
  }
}
