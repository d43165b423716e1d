package org.halfstep.bench.peers;

import ai.djl.MalformedModelException;
import ai.djl.repository.zoo.ModelNotFoundException;
import ai.onnxruntime.OrtException;
import java.io.IOException;
import java.nio.file.Path;
import org.halfstep.bench.NetworkRun;
import org.halfstep.bench.PeerNetwork;
import org.halfstep.bench.RunTimes;
import org.halfstep.model.UNetConfig;

/**
 * One measurement of another engine in a process of its own, as {@link NetworkRun} makes one of
 * ours: {@code PeerRun ort|torch|djl S|M|L fwd|train|check BATCH SECONDS}.
 */
final class PeerRun {
  private static final String USAGE =
      "usage: PeerRun ort|torch|djl S|M|L|D|V fwd|train|check BATCH SECONDS";

  /** Latents of Stable Diffusion's networks, and the texts that are stored with them. */
  private static final int LATENT_CHANNELS = 4;

  private static final int LATENT_SIDE = 64;
  private static final int TEXTS = 10;

  private PeerRun() {}

  public static void main(String[] arguments) throws Exception {
    if (arguments.length != 5) {
      throw new IllegalArgumentException(USAGE);
    }
    String name = arguments[1];
    String mode = arguments[2];
    Batch batch = batch(name, mode, Integer.parseInt(arguments[3]));
    try (Peer peer = open(arguments[0], name, mode, batch)) {
      if (mode.equals("check")) {
        System.out.println(peer.engine() + " " + NetworkRun.sums(peer.output()));
      } else {
        RunTimes times = RunTimes.of(peer::run, Double.parseDouble(arguments[4]));
        System.out.println(times.result(peer.engine(), name, mode, batch.size(), ""));
      }
    }
    // Threads of the engines' own may live on.
    System.exit(0);
  }

  private static Batch batch(String name, String mode, int size) {
    boolean check = mode.equals("check");
    if (name.equals("D") || name.equals("V")) {
      return check
          ? Batch.check(LATENT_CHANNELS, LATENT_SIDE)
          : Batch.of(size, LATENT_CHANNELS, LATENT_SIDE, TEXTS);
    }
    UNetConfig config = PeerNetwork.valueOf(name).config();
    return check
        ? Batch.check(config.inChannels(), config.imageSize())
        : Batch.of(size, config.inChannels(), config.imageSize(), config.numClasses());
  }

  private static Peer open(String engine, String name, String mode, Batch batch)
      throws IOException, OrtException, MalformedModelException, ModelNotFoundException {
    Path folder = Path.of(System.getProperty(PeerNetwork.MODELS));
    int threads = Integer.parseInt(System.getenv("OMP_NUM_THREADS"));
    boolean training = mode.equals("train");
    return switch (engine) {
      case "ort" -> new OnnxRuntimePeer(folder.resolve(name + ".onnx"), batch, threads);
      case "torch" -> new TorchPeer(folder.resolve(name + ".pt"), batch, training, threads);
      case "djl" -> new DjlPeer(folder.resolve(name + ".pt"), batch, training);
      default -> throw new IllegalArgumentException(USAGE);
    };
  }
}
