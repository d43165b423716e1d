package org.halfstep.metrics;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import org.halfstep.device.Device;
import org.halfstep.device.HostWindow;
import org.halfstep.device.Owned;
import org.halfstep.files.FileDigest;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.image.ImageBatch;
import org.halfstep.model.Inception;
import org.halfstep.model.InceptionNetwork;

/**
 * The network that FID is defined on ({@link Inception}): its 2048 pooled features, and its 1008
 * logits without bias. Images of any size are resized to 299 x 299; grey ones become RGB.
 */
public final class InceptionExtractor implements FeatureExtractor {
  /** SHA-256 of the public weights, {@code pt_inception-2015-12-05-6726825d.pth}. */
  public static final String PUBLIC_SHA256 =
      "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2";

  private static final int BATCH = 8;
  private static final long INPUT_BYTES = (long) Float.BYTES * Inception.SIDE * Inception.SIDE * 3;

  private final Owned owned = new Owned();
  private final Device device;
  private final String sha256;
  private final Plan plan;
  private final HostWindow images;
  private final HostWindow features;
  private final HostWindow logits;
  private InceptionInput input;

  /**
   * Takes over a network.
   *
   * @param device where it is; stays the caller's
   * @param sha256 of the file that its weights came from
   */
  public InceptionExtractor(Device device, InceptionNetwork network, String sha256) {
    this.device = device;
    this.sha256 = sha256;
    owned.add(network);
    try {
      plan =
          owned.add(
              Plan.inference(
                  device,
                  network.graph(),
                  PlanOptions.inference(BATCH).withKept(Set.of("features")),
                  network.weights()));
      plan.prepare();
      images = window("x");
      features = window("features");
      logits = window("out");
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  private HostWindow window(String name) {
    return owned.add(device.window(plan.address(name), Float.BYTES * plan.count(name)));
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
  public void extract(ImageBatch batch, float[] toFeatures, float[] toLogits) {
    FeatureChecks.requireRoom(this, batch, toFeatures, toLogits);
    if (input == null || !input.fits(batch)) {
      input = new InceptionInput(batch.height(), batch.width(), batch.channels());
    }
    device.attach();
    for (int first = 0; first < batch.count(); first += BATCH) {
      int rows = Math.min(BATCH, batch.count() - first);
      // What a short last batch leaves behind its images is computed and not read.
      for (int i = 0; i < rows; i++) {
        input.write(batch, first + i, images.memory(), i * INPUT_BYTES);
      }
      images.push();
      plan.forward();
      pull(features, rows, features(), toFeatures, first);
      pull(logits, rows, classes(), toLogits, first);
    }
  }

  private static void pull(HostWindow from, int rows, int columns, float[] to, int firstRow) {
    from.pull();
    MemorySegment.copy(
        from.memory(), ValueLayout.JAVA_FLOAT, 0, to, firstRow * columns, rows * columns);
  }

  @Override
  public void close() {
    owned.close();
  }
}
