package org.halfstep.latent;

import org.halfstep.device.Activation;
import org.halfstep.device.Window;
import org.halfstep.graph.Parameter.Initializer;
import org.halfstep.graph.Slice;
import org.halfstep.graph.Value;
import org.halfstep.model.Layers;
import org.halfstep.model.Layers.Form;
import org.halfstep.model.Layers.Normed;
import org.halfstep.model.Layers.Resize;

/**
 * The residual block of latent UNets and of first stages: norm, SiLU, 3x3 convolution, plus a
 * vector of the time where there is one, and the same once more; what it reads is added, through a
 * 1x1 convolution where the width changes. Source: specification 2.2.
 */
final class ResidualBlock {
  private ResidualBlock() {}

  /**
   * Writes a block.
   *
   * @param name with parameters norm1, conv1, norm2, conv2 and conv_shortcut behind it
   * @param x may be a concatenation
   * @param out channels that it writes
   * @param groups of both norms
   * @param eps of both norms
   * @param time one number per channel of {@code out}, float32; null for a block without
   */
  static Value write(
      Layers layers, String name, Value x, int out, int groups, float eps, Slice time) {
    int in = x.shape().channels();
    Value h = convolution(layers, name, 1, x, groups, eps, null, out, in);
    if (time != null) {
      h = layers.graph().addPerChannel(name + ".time", h, time);
    }
    return convolution(layers, name, 2, h, groups, eps, skip(layers, name, x, out), out, out);
  }

  private static Value convolution(
      Layers layers,
      String name,
      int number,
      Value x,
      int groups,
      float eps,
      Value residual,
      int out,
      int in) {
    Normed normed =
        layers.norm(
            name + ".conv" + number,
            name + ".norm" + number,
            x,
            groups,
            eps,
            null,
            Activation.SILU);
    return layers.convolution(
        normed, Resize.NONE, Initializer.FAN_IN_UNIFORM, residual, out, in, 3, 3);
  }

  private static Value skip(Layers layers, String name, Value x, int out) {
    int in = x.shape().channels();
    if (in == out) {
      return layers.graph().single(x);
    }
    String shortcut = name + ".conv_shortcut";
    Form form = new Form(Window.PIXEL, Initializer.FAN_IN_UNIFORM);
    return layers.convolution(shortcut, layers.readable(shortcut, x), form, out, in, 1, 1);
  }
}
