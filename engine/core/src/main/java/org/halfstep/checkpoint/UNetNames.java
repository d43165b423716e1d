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
            // Theirs has none; ours is called so.
            .pair("time_embedding.cond_proj", "w_proj")
            .pair("conv_norm_out", "out.0")
            .pair("conv_out", "out.2");
    int levels = unet.channels().size();
    int at = 1;
    for (int level = 0; level < levels; level++) {
      String block = "down_blocks." + level;
      for (int i = 0; i < unet.layers(); i++, at++) {
        resnet(table, block + ".resnets." + i, "input_blocks." + at + ".0");
        table.pair(block + ".attentions." + i, "input_blocks." + at + ".1");
      }
      if (level < levels - 1) {
        table.pair(block + ".downsamplers.0.conv", "input_blocks." + at + ".0.op");
        at++;
      }
    }
    resnet(table, "mid_block.resnets.0", "middle_block.0");
    table.pair("mid_block.attentions.0", "middle_block.1");
    resnet(table, "mid_block.resnets.1", "middle_block.2");
    at = 0;
    for (int stage = 0; stage < levels; stage++) {
      String block = "up_blocks." + stage;
      boolean attention = unet.upAttention().get(stage);
      for (int i = 0; i <= unet.layers(); i++, at++) {
        resnet(table, block + ".resnets." + i, "output_blocks." + at + ".0");
        if (attention) {
          table.pair(block + ".attentions." + i, "output_blocks." + at + ".1");
        }
      }
      // Behind the transformer where there is one, in the last block of its level.
      table.pair(
          block + ".upsamplers.0.conv",
          "output_blocks." + (at - 1) + (attention ? ".2" : ".1") + ".conv");
    }
    return table;
  }

  private static void resnet(ModuleTable table, String ours, String theirs) {
    for (String[] part : RESNET) {
      table.pair(ours + "." + part[0], theirs + "." + part[1]);
    }
  }
}
