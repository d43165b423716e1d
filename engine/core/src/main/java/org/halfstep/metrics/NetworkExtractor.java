package org.halfstep.metrics;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Owned;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.Value;
import org.halfstep.image.ImageBatch;
import org.halfstep.model.ExtractorPorts;
import org.halfstep.model.Network;

/** A network of {@link ExtractorPorts}, a few images at a time. */
abstract class NetworkExtractor implements FeatureExtractor {
  /** Brings images of one size to the network's input. */
  @FunctionalInterface
  interface Input {
    /**
     * Writes one image.
     *
     * @param byteOffset of its first value, float32
     */
    void write(ImageBatch images, int index, MemorySegment memory, long byteOffset);
  }

  private final Owned owned = new Owned();
  private final Device device;
  private final String sha256;
  private final int batch;
  private final Plan plan;
  private final HostView images;
  private final HostView features;
  private final HostView logits;

  /**
   * Takes over a network.
   *
   * @param network closed with this extractor
   * @param ports its input and outputs
   * @param batch images that are evaluated together
   * @param sha256 of the file that its weights came from
   */
  NetworkExtractor(Network<?, ?> network, ExtractorPorts ports, int batch, String sha256) {
    this.device = network.device();
    this.batch = batch;
    this.sha256 = sha256;
    owned.add(network);
    try {
      plan =
          owned.add(
              Plan.inference(
                  device,
                  network.graph(),
                  PlanOptions.inference(batch).withKept(Set.of(ports.features())),
                  network.values()));
      plan.prepare();
      images = window(ports.x());
      features = window(ports.features());
      logits = window(ports.out());
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  private HostView window(Value value) {
    return owned.add(device.view(plan.address(value), Float.BYTES * plan.count(value)));
  }

  /**
   * What writes images of this size.
   *
   * @throws IllegalArgumentException if the network does not take them
   */
  abstract Input input(ImageBatch images);

  @Override
  public final String sha256() {
    return sha256;
  }

  @Override
  public final int batch() {
    return batch;
  }

  @Override
  public final void extract(ImageBatch from, float[] toFeatures, float[] toLogits) {
    FeatureChecks.requireRoom(this, from, toFeatures, toLogits);
    evaluate(from, toFeatures, features(), toLogits, classes());
  }

  /**
   * Features and outputs of images.
   *
   * @param columns numbers of an image's features
   * @param outputs numbers of an image's output; 0 to leave it out
   */
  final void evaluate(
      ImageBatch from, float[] toFeatures, int columns, float[] toOutputs, int outputs) {
    Input input = input(from);
    long imageBytes = images.memory().byteSize() / batch;
    device.attach();
    for (int first = 0; first < from.count(); first += batch) {
      int rows = Math.min(batch, from.count() - first);
      // What a short last batch leaves behind its images is computed and not read.
      for (int i = 0; i < rows; i++) {
        input.write(from, first + i, images.memory(), i * imageBytes);
      }
      images.push();
      plan.forward();
      pull(features, rows, columns, toFeatures, first);
      pull(logits, rows, outputs, toOutputs, first);
    }
  }

  private static void pull(HostView from, int rows, int columns, float[] to, int firstRow) {
    from.pull();
    MemorySegment.copy(
        from.memory(), ValueLayout.JAVA_FLOAT, 0, to, firstRow * columns, rows * columns);
  }

  @Override
  public void close() {
    owned.close();
  }
}
