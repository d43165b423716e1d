package org.halfstep.sample;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Chain;
import org.halfstep.graph.Parameter;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.halfstep.random.Philox;
import org.halfstep.safetensors.Dtype;

/**
 * Networks of two levels with random weights everywhere, so that every part of them shows in the
 * output.
 */
public final class TinyModels {
  /** Names of the classes. */
  public static final List<String> CLASSES = List.of("Coat", "Sneaker", "Snow boot");

  private static final double SCALE = 0.1;
  private static final long SEED = 5;

  private TinyModels() {}

  /** An 8x8 greyscale network of three classes with a null label. */
  public static UNetConfig config() {
    return new UNetConfig(
        8,
        1,
        32,
        1,
        1,
        List.of(4),
        List.of(1.0, 2.0),
        CLASSES.size(),
        true,
        32,
        null,
        true,
        false,
        false,
        false,
        0f,
        null);
  }

  /** A teacher's card. */
  public static ModelCard teacherCard() {
    return ModelCard.teacher("tiny", CLASSES, Map.of());
  }

  /** A network of this shape and card. */
  public static Network<UNetConfig, ModelCard> network(
      Device device, UNetConfig config, ModelCard card) {
    Network<UNetConfig, ModelCard> network = Network.fresh(device, config, card, SEED);
    int number = 0;
    for (Parameter parameter : network.graph().parameters().values()) {
      float[] values = network.weights().get(parameter);
      for (int i = 0; i < values.length; i++) {
        // The last layers start at zero, which would hide everything before them.
        values[i] += (float) (SCALE * Philox.normal(SEED, number, 1, i));
      }
      network.weights().set(parameter, values);
      number++;
    }
    return network;
  }

  /** Saves a teacher. */
  public static Path teacher(Path file) throws IOException {
    return save(file, config(), teacherCard());
  }

  /** Saves a teacher whose last layer gives so many times what {@link #teacher(Path)}'s gives. */
  public static Path teacher(Path file, float times) throws IOException {
    try (Device device = new CpuDevice();
        Network<UNetConfig, ModelCard> network = network(device, config(), teacherCard())) {
      for (Parameter parameter : network.graph().parameters().values()) {
        if (parameter.name().startsWith("out.2.")) {
          float[] values = network.weights().get(parameter);
          for (int i = 0; i < values.length; i++) {
            values[i] *= times;
          }
          network.weights().set(parameter, values);
        }
      }
      network.save(file, teacherCard(), Dtype.F32);
    }
    return file;
  }

  /** Saves a student of a number of steps for w in [0, 4]. */
  public static Path student(Path file, int steps) throws IOException {
    return save(
        file,
        config().withGuidance(32),
        teacherCard().guided(0, 4, Map.of()).student(steps, Chain.DETERMINISTIC, Map.of()));
  }

  /** Saves a student of the stochastic chain for w in [0, 4]. */
  public static Path stochastic(Path file, int steps) throws IOException {
    return save(
        file,
        config().withGuidance(32),
        teacherCard().guided(0, 4, Map.of()).student(steps, Chain.STOCHASTIC, Map.of()));
  }

  /** Saves a student of one w. */
  public static Path singleW(Path file, int steps, double w) throws IOException {
    return save(
        file,
        config().withGuidance(32),
        teacherCard().guided(w, w, Map.of()).student(steps, Chain.DETERMINISTIC, Map.of()));
  }

  /** Saves an encoder of a number of steps. */
  public static Path encoder(Path file, int steps) throws IOException {
    return save(
        file,
        config().withGuidance(32),
        teacherCard().guided(0, 0, Map.of()).student(steps, Chain.ENCODER, Map.of()));
  }

  /** Saves a naive student of a number of steps. */
  public static Path naive(Path file, int steps) throws IOException {
    return save(file, config(), teacherCard().naive(steps, Chain.DETERMINISTIC, Map.of()));
  }

  private static Path save(Path file, UNetConfig config, ModelCard card) throws IOException {
    try (Device device = new CpuDevice();
        Network<UNetConfig, ModelCard> network = network(device, config, card)) {
      network.save(file, card, Dtype.F32);
    }
    return file;
  }
}
