package org.halfstep.checkpoint;

/**
 * The names of a latent UNet in files of CompVis: blocks in one row, in place of levels with
 * layers. Source: specification 1.4; each of the published networks has as many names on both
 * sides.
 */
final class UNetNames {
  private static final String[][] RESNET = {
    {"norm1", "in_layers.0"},
    {"conv1", "in_layers.2"},
    {"time_emb_proj", "emb_layers.1"},
    {"norm2", "out_layers.0"},
    {"conv2", "out_layers.3"},
    {"conv_shortcut", "skip_connection"},
  };

  private UNetNames() {}

  static ModuleTable table(UNetDescription unet) {
    ModuleTable table =
        new ModuleTable()
            .pair("conv_in", "input_blocks.0.0")
            .pair("time_embedding.linear_1", "time_embed.0")
            .pair("time_embedding.linear_2", "time_embed.2")
            // The other one has no name of its own; ours is called this.
            .pair("time_embedding.cond_proj", "w_proj")
            .pair("conv_norm_out", "out.0")
            .pair("conv_out", "out.2");
    int at = 1;
    for (UNetStage stage : unet.down()) {
      for (UNetStage.Block block : stage.blocks()) {
        block(table, block, "input_blocks." + at++);
      }
      if (stage.resampler() != null) {
        table.pair(stage.resampler(), "input_blocks." + at++ + ".0.op");
      }
    }
    resnet(table, "mid_block.resnets.0", "middle_block.0");
    table.pair("mid_block.attentions.0", "middle_block.1");
    resnet(table, "mid_block.resnets.1", "middle_block.2");
    at = 0;
    for (UNetStage stage : unet.up()) {
      for (UNetStage.Block block : stage.blocks()) {
        block(table, block, "output_blocks." + at++);
      }
      if (stage.resampler() != null) {
        // Behind the transformer where there is one, in the last block of its stage.
        int layer = stage.blocks().getLast().transformer() == null ? 1 : 2;
        table.pair(stage.resampler(), "output_blocks." + (at - 1) + "." + layer + ".conv");
      }
    }
    return table;
  }

  private static void block(ModuleTable table, UNetStage.Block ours, String theirs) {
    resnet(table, ours.resnet(), theirs + ".0");
    if (ours.transformer() != null) {
      table.pair(ours.transformer(), theirs + ".1");
    }
  }

  private static void resnet(ModuleTable table, String ours, String theirs) {
    for (String[] part : RESNET) {
      table.pair(ours + "." + part[0], theirs + "." + part[1]);
    }
  }
}
