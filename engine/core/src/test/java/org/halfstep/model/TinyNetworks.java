package org.halfstep.model;

import java.util.List;
import java.util.Map;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.graph.Parameter;
import org.halfstep.random.Philox;

/** The smallest networks and images that have every part: for checks of training and sampling. */
public final class TinyNetworks {
  /** Classes of the networks and of the images. */
  public static final int CLASSES = 3;

  /** Width of the embedding of w in guided networks. */
  public static final int GUIDANCE_DIM = 16;

  private static final int WIDTH = 32;
  private static final double WEIGHT_SCALE = 0.1;

  private TinyNetworks() {}

  /** One level of 32 channels, class-conditional with a null label. */
  public static UNetConfig config(int side, float dropout) {
    return new UNetConfig(
        side,
        1,
        WIDTH,
        1,
        1,
        List.of(),
        List.of(1.0),
        CLASSES,
        true,
        null,
        1,
        true,
        false,
        true,
        false,
        dropout,
        null);
  }

  /** A teacher's card. */
  public static ModelCard teacherCard() {
    return ModelCard.teacher("patterns", List.of("a", "b", "c"), Map.of());
  }

  /** A teacher no parameter of which is zero, so that everything has an effect. */
  public static Network<UNetConfig, ModelCard> teacher(Device device, int side, long seed) {
    return perturbed(Network.fresh(device, config(side, 0), teacherCard(), seed), seed);
  }

  /** A network of stage one with w in [0, max], no parameter of which is zero. */
  public static Network<UNetConfig, ModelCard> guided(
      Device device, int side, double max, long seed) {
    return perturbed(
        Network.fresh(
            device,
            config(side, 0).withGuidance(GUIDANCE_DIM),
            teacherCard().guided(0, max, Map.of()),
            seed),
        seed);
  }

  /** Adds normal noise to every parameter. */
  public static <A extends Architecture, C extends Card> Network<A, C> perturbed(
      Network<A, C> network, long seed) {
    int number = 0;
    for (Parameter parameter : network.graph().parameters().values()) {
      float[] values = network.weights().get(parameter);
      for (int i = 0; i < values.length; i++) {
        values[i] += (float) (WEIGHT_SCALE * Philox.normal(seed, number, 1, i));
      }
      network.weights().set(parameter, values);
      number++;
    }
    return network;
  }

  /** Greyscale images: class k is a wave of k + 1 periods across the image, shifted at random. */
  public static ImageDataset images(int side, int count) {
    byte[] pixels = new byte[count * side * side];
    int[] labels = new int[count];
    for (int i = 0; i < count; i++) {
      labels[i] = i % CLASSES;
      double shift = Philox.uniform(1, i, 0, 0);
      for (int y = 0; y < side; y++) {
        for (int x = 0; x < side; x++) {
          double wave =
              Math.sin(2 * Math.PI * ((labels[i] + 1.0) * x / side + shift) + 0.3 * y * shift);
          pixels[(i * side + y) * side + x] = (byte) Math.round(127.5 + 100 * wave);
        }
      }
    }
    return ImageDataset.of(pixels, labels, side, side, 1, List.of("a", "b", "c"));
  }
}
