package org.halfstep.metrics;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import org.halfstep.data.ImageBatch;
import org.halfstep.device.Device;
import org.halfstep.device.HostWindow;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.Inception;
import org.halfstep.model.InceptionNetwork;
import org.halfstep.safetensors.FileDigest;

/**
 * The network that FID is defined on ({@link Inception}): its 2048 pooled features, and its 1008
 * logits without bias. Images of any size are resized to 299 x 299; grey ones become RGB.
 */
public final class InceptionExtractor implements FeatureExtractor {
  /** SHA-256 of the public weights, {@code pt_inception-2015-12-05-6726825d.pth}. */
  public static final String PUBLIC_SHA256 =
      "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2";

  private static final int BATCH = 8;

  private final Device device;
  private final InceptionNetwork network;
  private final String sha256;
  private final Plan plan;
  private final float[] some = new float[BATCH * Inception.FEATURES];
  private InceptionInput input;

  /**
   * Takes over a network.
   *
   * @param device where it is; stays the caller's
   * @param sha256 of the file that its weights came from
   */
  public InceptionExtractor(Device device, InceptionNetwork network, String sha256) {
    this.device = device;
    this.network = network;
    this.sha256 = sha256;
    try {
      plan =
          Plan.inference(
              device,
              network.graph(),
              PlanOptions.inference(BATCH).withKept(Set.of("features")),
              network.weights());
      plan.prepare();
    } catch (Throwable failure) {
      network.close();
      throw failure;
    }
  }

  /**
   * Reads a file of weights, safetensors or PyTorch's.
   *
   * @param device stays the caller's
   * @throws IOException with one line when these are not the weights of this network
   */
  public static InceptionExtractor open(Device device, Path weights) throws IOException {
    String sha256 = FileDigest.sha256(weights);
    return new InceptionExtractor(device, InceptionNetwork.load(device, weights), sha256);
  }

  /** Why these are not the numbers of others, if they are not; one sentence. */
  public Optional<String> difference() {
    return sha256.equals(PUBLIC_SHA256)
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
  public String sha256() {
    return sha256;
  }

  @Override
  public int features() {
    return Inception.FEATURES;
  }

  @Override
  public int classes() {
    return Inception.CLASSES;
  }

  @Override
  public int batch() {
    return BATCH;
  }

  @Override
  public void extract(ImageBatch images, float[] features, float[] logits) {
    if (features.length < (long) images.count() * features()
        || logits.length < (long) images.count() * classes()) {
      throw new IllegalArgumentException(
          "no room for the features and logits of " + images.count() + " images");
    }
    if (input == null || !input.fits(images)) {
      input = new InceptionInput(images.height(), images.width(), images.channels());
    }
    device.attach();
    long inputBytes = (long) Float.BYTES * Inception.SIDE * Inception.SIDE * 3;
    for (int done = 0; done < images.count(); done += BATCH) {
      int count = Math.min(BATCH, images.count() - done);
      // What a short last batch leaves behind its images is computed and not read.
      try (HostWindow window = device.window(plan.address("x"), BATCH * inputBytes)) {
        for (int i = 0; i < count; i++) {
          input.write(images, done + i, window.memory(), i * inputBytes);
        }
        window.push();
      }
      plan.forward();
      download("features", count * features(), features, done * features());
      download("out", count * classes(), logits, done * classes());
    }
  }

  private void download(String value, int count, float[] destination, int from) {
    device.download(plan.address(value), MemorySegment.ofArray(some), (long) Float.BYTES * count);
    System.arraycopy(some, 0, destination, from, count);
  }

  @Override
  public void close() {
    plan.close();
    network.close();
  }
}
