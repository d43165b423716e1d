package org.halfstep.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.WritableTensor;
import org.halfstep.torch.TorchWriter;

/**
 * Names and shapes of the tensors in a file of guided-diffusion, worked out from the rules that its
 * network is built by: written for tests, and knowing nothing of the engine's networks.
 */
public final class AdmTensors {
  /**
   * Options of the network of {@link #tiny}, of class and learned variance as the published ones.
   */
  public static final String FLAGS =
      """
      {"image_size": 8, "num_channels": 32, "num_res_blocks": 1, "attention_resolutions": "4",
       "channel_mult": "1,2", "class_cond": true, "num_head_channels": 32, "resblock_updown": true,
       "use_new_attention_order": true, "use_fp16": true, "learn_sigma": true,
       "noise_schedule": "cosine"}
      """;

  private final Map<String, long[]> shapes = new LinkedHashMap<>();
  private final int embedding;
  private final boolean scaleShift;
  private final int attentionExtents;

  private AdmTensors(int embedding, boolean scaleShift, int attentionExtents) {
    this.embedding = embedding;
    this.scaleShift = scaleShift;
    this.attentionExtents = attentionExtents;
  }

  /**
   * A network of 8x8 images in 5 classes.
   *
   * @param outputs 6 with a variance, else 3
   */
  static Map<String, long[]> tiny(int outputs, int attentionExtents) {
    return of(8, 32, new double[] {1, 2}, 1, List.of(4), 5, outputs, true, attentionExtents);
  }

  /** Writes tensors of hashed numbers as PyTorch does. */
  static Path torch(Path file, Map<String, long[]> shapes, Dtype type) throws IOException {
    try (HashedTensors hashed = new HashedTensors(shapes)) {
      List<WritableTensor> tensors = new ArrayList<>();
      hashed.names().forEach(name -> tensors.add(hashed.writable(name, type)));
      TorchWriter.write(file, tensors, Map.of());
    }
    return file;
  }

  /** Writes the tiny network with its variance. */
  public static Path tiny(Path file) throws IOException {
    return torch(file, tiny(6, 3), Dtype.F32);
  }

  /**
   * A network whose levels are joined by residual blocks.
   *
   * @param attention sides with attention
   * @param classes 0 for none
   * @param attentionExtents of a weight of attention: 3 in guided-diffusion, 4 in the consistency
   *     models' release
   */
  static Map<String, long[]> of(
      int side,
      int channels,
      double[] multiples,
      int blocks,
      List<Integer> attention,
      int classes,
      int outputs,
      boolean scaleShift,
      int attentionExtents) {
    AdmTensors net = new AdmTensors(4 * channels, scaleShift, attentionExtents);
    net.linear("time_embed.0", 4L * channels, channels);
    net.linear("time_embed.2", 4L * channels, 4L * channels);
    if (classes > 0) {
      net.shapes.put("label_emb.weight", new long[] {classes, 4L * channels});
    }
    int ch = (int) (multiples[0] * channels);
    net.convolution("input_blocks.0.0", ch, 3);
    Deque<Integer> widths = new ArrayDeque<>(List.of(ch));
    int number = 1;
    int resolution = side;
    for (int level = 0; level < multiples.length; level++) {
      int out = (int) (multiples[level] * channels);
      for (int i = 0; i < blocks; i++) {
        net.residual("input_blocks." + number + ".0", ch, out);
        ch = out;
        if (attention.contains(resolution)) {
          net.attention("input_blocks." + number + ".1", ch);
        }
        widths.push(ch);
        number++;
      }
      if (level < multiples.length - 1) {
        net.residual("input_blocks." + number++ + ".0", ch, ch);
        widths.push(ch);
        resolution /= 2;
      }
    }
    net.residual("middle_block.0", ch, ch);
    net.attention("middle_block.1", ch);
    net.residual("middle_block.2", ch, ch);
    number = 0;
    for (int level = multiples.length - 1; level >= 0; level--) {
      int out = (int) (multiples[level] * channels);
      for (int i = 0; i <= blocks; i++) {
        int part = 0;
        net.residual("output_blocks." + number + "." + part++, ch + widths.pop(), out);
        ch = out;
        if (attention.contains(resolution)) {
          net.attention("output_blocks." + number + "." + part++, ch);
        }
        if (level > 0 && i == blocks) {
          net.residual("output_blocks." + number + "." + part, ch, ch);
          resolution *= 2;
        }
        number++;
      }
    }
    net.norm("out.0", ch);
    net.convolution("out.2", outputs, ch);
    return net.shapes;
  }

  private void linear(String name, long out, long in) {
    shapes.put(name + ".weight", new long[] {out, in});
    shapes.put(name + ".bias", new long[] {out});
  }

  private void convolution(String name, long out, long in) {
    shapes.put(name + ".weight", new long[] {out, in, 3, 3});
    shapes.put(name + ".bias", new long[] {out});
  }

  private void norm(String name, long channels) {
    shapes.put(name + ".weight", new long[] {channels});
    shapes.put(name + ".bias", new long[] {channels});
  }

  private void residual(String name, long in, long out) {
    norm(name + ".in_layers.0", in);
    convolution(name + ".in_layers.2", out, in);
    linear(name + ".emb_layers.1", scaleShift ? 2 * out : out, embedding);
    norm(name + ".out_layers.0", out);
    convolution(name + ".out_layers.3", out, out);
    if (in != out) {
      shapes.put(name + ".skip_connection.weight", new long[] {out, in, 1, 1});
      shapes.put(name + ".skip_connection.bias", new long[] {out});
    }
  }

  private void attention(String name, long channels) {
    norm(name + ".norm", channels);
    product(name + ".qkv", 3 * channels, channels);
    product(name + ".proj_out", channels, channels);
  }

  private void product(String name, long out, long in) {
    shapes.put(
        name + ".weight",
        attentionExtents == 3 ? new long[] {out, in, 1} : new long[] {out, in, 1, 1});
    shapes.put(name + ".bias", new long[] {out});
  }
}
