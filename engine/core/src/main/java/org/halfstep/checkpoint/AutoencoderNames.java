package org.halfstep.checkpoint;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.model.TensorNames;
import org.halfstep.model.TensorPlace;

/**
 * The names of a first stage: CompVis counts the decoder's levels from the image, diffusers from
 * the latent; early versions of diffusers had other names for the parts of attention. Source:
 * specification 1.4.
 */
final class AutoencoderNames {
  private static final String[][] ATTENTION = {
    {"group_norm", "norm"}, {"to_q", "q"}, {"to_k", "k"}, {"to_v", "v"}, {"to_out.0", "proj_out"},
  };

  private static final String[][] OLDER = {
    {"to_q", "query"}, {"to_k", "key"}, {"to_v", "value"}, {"to_out.0", "proj_attn"},
  };

  private static final String[] RESNET = {"norm1", "conv1", "norm2", "conv2"};

  private AutoencoderNames() {}

  static TensorNames diffusers() {
    return new TensorNames() {
      @Override
      public String layout() {
        return "diffusers'";
      }

      @Override
      public List<TensorPlace> places(String parameter) {
        List<TensorPlace> places = new ArrayList<>();
        places.add(TensorPlace.Stored.whole(parameter));
        for (String[] pair : OLDER) {
          String part = ".attentions.0." + pair[0] + ".";
          if (parameter.contains(part)) {
            String older = parameter.replace(part, ".attentions.0." + pair[1] + ".");
            places.add(TensorPlace.Stored.whole(older));
          }
        }
        return places;
      }
    };
  }

  static TensorNames compVis(AutoencoderDescription stage) {
    return table(stage)
        .names("CompVis'", place -> isAttentionWeight(place.tensor()) ? place.ofRank(4) : place);
  }

  /** Linear layers there are 1x1 convolutions. */
  private static boolean isAttentionWeight(String name) {
    return name.contains(".mid.attn_1.") && name.endsWith(".weight") && !name.contains(".norm.");
  }

  static ModuleTable table(AutoencoderDescription stage) {
    ModuleTable table = new ModuleTable();
    for (String same : new String[] {"quant_conv", "post_quant_conv", "quantize"}) {
      table.pair(same, same);
    }
    for (String half : new String[] {"encoder", "decoder"}) {
      table
          .pair(half + ".conv_in", half + ".conv_in")
          .pair(half + ".conv_norm_out", half + ".norm_out")
          .pair(half + ".conv_out", half + ".conv_out");
      resnet(table, half + ".mid_block.resnets.0", half + ".mid.block_1");
      resnet(table, half + ".mid_block.resnets.1", half + ".mid.block_2");
      for (String[] part : ATTENTION) {
        table.pair(half + ".mid_block.attentions.0." + part[0], half + ".mid.attn_1." + part[1]);
      }
    }
    int levels = stage.channels().size();
    for (int level = 0; level < levels; level++) {
      String down = "encoder.down_blocks." + level;
      String up = "decoder.up_blocks." + (levels - 1 - level);
      for (int i = 0; i <= stage.layers(); i++) {
        resnet(table, down + ".resnets." + i, "encoder.down." + level + ".block." + i);
        resnet(table, up + ".resnets." + i, "decoder.up." + level + ".block." + i);
      }
      table
          .pair(down + ".downsamplers.0.conv", "encoder.down." + level + ".downsample.conv")
          .pair(up + ".upsamplers.0.conv", "decoder.up." + level + ".upsample.conv");
    }
    return table;
  }

  private static void resnet(ModuleTable table, String ours, String theirs) {
    for (String part : RESNET) {
      table.pair(ours + "." + part, theirs + "." + part);
    }
    table.pair(ours + ".conv_shortcut", theirs + ".nin_shortcut");
  }
}
