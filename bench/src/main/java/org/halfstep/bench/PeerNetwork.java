package org.halfstep.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.graph.Parameter;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TensorNames;
import org.halfstep.model.UNetConfig;
import org.halfstep.quantize.Calibration;
import org.halfstep.quantize.CalibrationSettings;
import org.halfstep.random.Philox;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.SafetensorsFile;

/** The three networks that every engine is timed with. */
public enum PeerNetwork {
  /** 8.0 M parameters, 3.64 GFLOP per image, 32x32x1. */
  S(32, 1, 64, List.of(1.0, 2.0, 2.0), 2, List.of(16, 8), 32, 10),
  /** 44.1 M parameters, 14.4 GFLOP per image, 32x32x3. */
  M(32, 3, 128, List.of(1.0, 2.0, 2.0, 2.0), 2, List.of(16, 8), 64, 10),
  /** 295 M parameters, 219 GFLOP per image, 64x64x3. */
  L(64, 3, 192, List.of(1.0, 2.0, 3.0, 4.0), 3, List.of(32, 16, 8), 64, 1000);

  /**
   * System property: a folder of NAME.safetensors with the peers' weights; without it weights are
   * random.
   */
  public static final String MODELS = "halfstep.bench.models";

  /**
   * System property: a folder where {@link #writeInt8} leaves int8 networks. Measured from there, a
   * process holds what a user's does, not what calibration took.
   */
  static final String INT8 = "halfstep.bench.int8";

  /** System property: MiB that packed weights may take; by default as {@link Network} has it. */
  static final String MEMORY = "halfstep.bench.memory";

  private static final long SEED = 1;

  /** Deviation of the weights that take the place of zeros, as in the peers. */
  private static final float SMALL = 0.02f;

  private static final int CALIBRATION_IMAGES = 4;

  private static final ModelCard CARD = ModelCard.teacher("none", List.of(), Map.of());

  private final UNetConfig config;

  PeerNetwork(
      int side,
      int channels,
      int base,
      List<Double> multiples,
      int blocks,
      List<Integer> attention,
      int headChannels,
      int classes) {
    config =
        new UNetConfig(
            side,
            channels,
            base,
            channels,
            blocks,
            attention,
            multiples,
            classes,
            false,
            headChannels,
            null,
            true,
            true,
            true,
            true,
            0,
            null);
  }

  public UNetConfig config() {
    return config;
  }

  /**
   * The network with the peers' weights where {@value #MODELS} names them, else with random ones.
   *
   * @throws IOException when the weights cannot be read or are another network's
   */
  public Network<UNetConfig, ModelCard> open(Device device) throws IOException {
    String folder = System.getProperty(MODELS, "");
    if (folder.isEmpty()) {
      return fresh(device);
    }
    Path path = Path.of(folder, name() + ".safetensors");
    long memory = Long.getLong(MEMORY, 0) << 20;
    return Network.open(device, config, CARD, SafetensorsFile.open(path), TensorNames.OWN, memory);
  }

  /** The network with random weights. */
  public Network<UNetConfig, ModelCard> fresh(Device device) {
    return withoutZeros(Network.fresh(device, config, CARD, SEED));
  }

  /** The same network with weights that training changes. */
  Network<UNetConfig, ModelCard> load(Device device) throws IOException {
    try (Network<UNetConfig, ModelCard> opened = open(device)) {
      return Network.like(device, config, opened.card(), opened);
    }
  }

  /** Layers that start at zero would make every output zero, and hide differences. */
  private static Network<UNetConfig, ModelCard> withoutZeros(
      Network<UNetConfig, ModelCard> network) {
    long number = 0;
    for (Parameter parameter : network.graph().parameters().values()) {
      number++;
      if (parameter.initializer() == Parameter.Initializer.ZERO) {
        float[] values = new float[Math.toIntExact(parameter.size())];
        Philox.normal(SEED, number, 0, values);
        for (int i = 0; i < values.length; i++) {
          values[i] *= SMALL;
        }
        network.weights().set(parameter, values);
      }
    }
    return network;
  }

  /** The same network in int8: from the file that {@value #INT8} leads to, or calibrated here. */
  Network<UNetConfig, ModelCard> openInt8(Device device) throws IOException {
    String folder = System.getProperty(INT8, "");
    return folder.isEmpty()
        ? calibrate(device)
        : Network.open(device, UNetConfig.FORMAT, int8File(folder));
  }

  /** Writes the int8 network into the folder that {@value #INT8} names. */
  Path writeInt8(Device device) throws IOException {
    String folder = System.getProperty(INT8, "");
    if (folder.isEmpty()) {
      throw new IllegalArgumentException("-D" + INT8 + " must name the folder to write to");
    }
    Path path = int8File(folder);
    Files.createDirectories(path.getParent());
    try (Network<UNetConfig, ModelCard> network = calibrate(device)) {
      network.save(path, network.card(), Dtype.F32);
    }
    return path;
  }

  private Path int8File(String folder) {
    return Path.of(folder, name() + "-int8.safetensors");
  }

  /** Activations are measured on images of random bytes. */
  private Network<UNetConfig, ModelCard> calibrate(Device device) throws IOException {
    byte[] pixels =
        new byte
            [CALIBRATION_IMAGES * config.imageSize() * config.imageSize() * config.inChannels()];
    new Random(SEED).nextBytes(pixels);
    try (Network<UNetConfig, ModelCard> network = open(device);
        ImageDataset images =
            ImageDataset.of(
                pixels,
                new int[CALIBRATION_IMAGES],
                config.imageSize(),
                config.imageSize(),
                config.inChannels(),
                List.of("noise"))) {
      return Calibration.quantize(
          network, images, "noise", new CalibrationSettings(CALIBRATION_IMAGES, SEED), _ -> {});
    }
  }
}
