package org.halfstep.metrics;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.halfstep.device.Device;
import org.halfstep.files.FileDigest;
import org.halfstep.image.ImageBatch;
import org.halfstep.model.InceptionConfig;
import org.halfstep.model.Network;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.Tensors;
import org.halfstep.torch.TorchFile;

/**
 * The network that FID is defined on ({@link InceptionConfig}): its 2048 pooled features, and its
 * 1008 logits without bias. Images of any size are resized to 299 x 299; grey ones become RGB.
 */
public final class InceptionExtractor extends NetworkExtractor {
  /** SHA-256 of the public weights, {@code pt_inception-2015-12-05-6726825d.pth}. */
  public static final String PUBLIC_SHA256 =
      "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2";

  private static final int BATCH = 8;

  private InceptionInput input;

  /**
   * Takes over a network.
   *
   * @param sha256 of the file that its weights came from
   */
  public InceptionExtractor(Network<InceptionConfig, ?> network, String sha256) {
    super(network, network.architecture().ports(network.graph()), BATCH, sha256);
  }

  /**
   * Reads a file of weights, safetensors or PyTorch's.
   *
   * @param device stays the caller's
   * @throws IOException with one line when these are not the weights of this network
   */
  public static InceptionExtractor open(Device device, Path weights) throws IOException {
    String sha256 = FileDigest.sha256(weights);
    try (Tensors tensors =
        TorchFile.matches(weights) ? TorchFile.open(weights) : SafetensorsFile.open(weights)) {
      return new InceptionExtractor(
          Network.load(
              device,
              new InceptionConfig(),
              InceptionConfig.CARD,
              tensors,
              InceptionConfig.TORCH_NAMES),
          sha256);
    }
  }

  /** Why these are not the numbers of others, if they are not; one sentence. */
  public Optional<String> difference() {
    return sha256().equals(PUBLIC_SHA256)
        ? Optional.empty()
        : Optional.of(
            "these are not the public weights (SHA-256 "
                + PUBLIC_SHA256
                + "), so numbers cannot be compared with published ones");
  }

  @Override
  public String name() {
    return "Inception";
  }

  @Override
  public int features() {
    return InceptionConfig.FEATURES;
  }

  @Override
  public int classes() {
    return InceptionConfig.CLASSES;
  }

  @Override
  Input input(ImageBatch images) {
    if (input == null || !input.fits(images)) {
      input = new InceptionInput(images.height(), images.width(), images.channels());
    }
    return input::write;
  }
}
