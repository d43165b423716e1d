package org.halfstep.checkpoint;

import java.util.LinkedHashMap;
import java.util.SequencedMap;

/** Collects names and extents of parameters, layer by layer. */
final class ParameterShapes {
  private final SequencedMap<String, long[]> shapes = new LinkedHashMap<>();

  SequencedMap<String, long[]> all() {
    return shapes;
  }

  static long elements(long... shape) {
    long elements = 1;
    for (long extent : shape) {
      elements = Math.multiplyExact(elements, extent);
    }
    return elements;
  }

  void add(String name, long... shape) {
    shapes.put(name, shape);
  }

  private void withBias(String name, long... shape) {
    add(name + ".weight", shape);
    add(name + ".bias", shape[0]);
  }

  /** A square convolution with bias. */
  void convolution(String name, int out, int in, int side) {
    withBias(name, out, in, side, side);
  }

  /** A linear layer with bias. */
  void linear(String name, int out, int in) {
    withBias(name, out, in);
  }

  /** A group or layer norm. */
  void norm(String name, int channels) {
    withBias(name, channels);
  }

  /** The layers of one of CLIP's encoders. */
  void clipLayers(String model, int layers, int width, int inner) {
    for (int i = 0; i < layers; i++) {
      String layer = model + "encoder.layers." + i;
      for (String part : new String[] {"k_proj", "v_proj", "q_proj", "out_proj"}) {
        linear(layer + ".self_attn." + part, width, width);
      }
      norm(layer + ".layer_norm1", width);
      linear(layer + ".mlp.fc1", inner, width);
      linear(layer + ".mlp.fc2", width, inner);
      norm(layer + ".layer_norm2", width);
    }
  }

  /**
   * A residual block.
   *
   * @param time width of the time embedding; 0 for a block without one
   */
  void resnet(String name, int in, int out, int time) {
    norm(name + ".norm1", in);
    convolution(name + ".conv1", out, in, 3);
    if (time > 0) {
      linear(name + ".time_emb_proj", out, time);
    }
    norm(name + ".norm2", out);
    convolution(name + ".conv2", out, out, 3);
    if (in != out) {
      convolution(name + ".conv_shortcut", out, in, 1);
    }
  }

  /** The self-attention of a first stage. */
  void attention(String name, int width) {
    norm(name + ".group_norm", width);
    linear(name + ".to_q", width, width);
    linear(name + ".to_k", width, width);
    linear(name + ".to_v", width, width);
    linear(name + ".to_out.0", width, width);
  }

  /** A transformer of one block: self-attention, cross-attention, gated feed-forward. */
  void transformer(String name, int width, int context, boolean linear) {
    norm(name + ".norm", width);
    projection(name + ".proj_in", width, linear);
    String block = name + ".transformer_blocks.0.";
    norm(block + "norm1", width);
    queries(block + "attn1", width, width);
    norm(block + "norm2", width);
    queries(block + "attn2", width, context);
    norm(block + "norm3", width);
    linear(block + "ff.net.0.proj", 8 * width, width);
    linear(block + "ff.net.2", width, 4 * width);
    projection(name + ".proj_out", width, linear);
  }

  private void projection(String name, int width, boolean linear) {
    if (linear) {
      linear(name, width, width);
    } else {
      convolution(name, width, width, 1);
    }
  }

  private void queries(String name, int width, int context) {
    add(name + ".to_q.weight", width, width);
    add(name + ".to_k.weight", width, context);
    add(name + ".to_v.weight", width, context);
    linear(name + ".to_out.0", width, width);
  }
}
