package org.halfstep.metrics;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Set;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.device.HostWindow;
import org.halfstep.device.Owned;
import org.halfstep.files.FileDigest;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.image.ImageBatch;
import org.halfstep.model.BundledFile;
import org.halfstep.model.Classifier;
import org.halfstep.model.ClassifierConfig;

/**
 * A {@link Classifier} as the network that image metrics look through: its features are the mean
 * over the pixels of its last level. For Fashion-MNIST one is bundled.
 */
public final class ClassifierExtractor implements FeatureExtractor {
  /** Name of the bundled classifier. */
  public static final String BUNDLED = "fashion-mnist-classifier";

  private static final int BATCH = 50;
  private static final float BYTE_SCALE = 127.5f;

  private final Owned owned = new Owned();
  private final Classifier classifier;
  private final String sha256;
  private final Plan plan;
  private final HostWindow images;
  private final HostWindow features;
  private final HostWindow logits;

  private ClassifierExtractor(Classifier classifier, String sha256) {
    Device device = classifier.device();
    this.classifier = owned.add(classifier);
    this.sha256 = sha256;
    try {
      plan =
          owned.add(
              Plan.inference(
                  device,
                  classifier.graph(),
                  PlanOptions.inference(BATCH).withKept(Set.of("features")),
                  classifier.weights()));
      plan.prepare();
      images = window(device, "x");
      features = window(device, "features");
      logits = window(device, "out");
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  private HostWindow window(Device device, String name) {
    return owned.add(device.window(plan.address(name), Float.BYTES * plan.count(name)));
  }

  /**
   * Reads a classifier's file.
   *
   * @throws IOException in one line, when it is none
   */
  public static ClassifierExtractor load(Device device, Path file) throws IOException {
    String sha256 = FileDigest.sha256(file);
    return new ClassifierExtractor(Classifier.load(device, file), sha256);
  }

  /** The bundled classifier of Fashion-MNIST. */
  public static ClassifierExtractor fashionMnist(Device device) throws IOException {
    return BundledFile.read(BUNDLED, path -> load(device, path));
  }

  /** The classifier behind it. */
  public Classifier classifier() {
    return classifier;
  }

  @Override
  public String name() {
    return classifier.card().dataset() + " classifier";
  }

  @Override
  public String sha256() {
    return sha256;
  }

  @Override
  public int features() {
    return classifier.config().features();
  }

  @Override
  public int classes() {
    return classifier.config().classes();
  }

  @Override
  public int batch() {
    return BATCH;
  }

  @Override
  public void extract(ImageBatch batch, float[] toFeatures, float[] toLogits) {
    requireFit(batch, toFeatures, toLogits);
    int values = batch.height() * batch.width() * batch.channels();
    for (int first = 0; first < batch.count(); first += BATCH) {
      int rows = Math.min(BATCH, batch.count() - first);
      MemorySegment memory = images.memory();
      for (int i = 0; i < rows * values; i++) {
        int value = batch.pixels()[first * values + i] & 0xff;
        memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, value / BYTE_SCALE - 1);
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

  private void requireFit(ImageBatch batch, float[] toFeatures, float[] toLogits) {
    ClassifierConfig config = classifier.config();
    int side = config.imageSize();
    if (batch.height() != side || batch.width() != side || batch.channels() != config.channels()) {
      throw new IllegalArgumentException(
          "the "
              + name()
              + " takes images of "
              + side
              + "x"
              + side
              + "x"
              + config.channels()
              + ", got "
              + batch.height()
              + "x"
              + batch.width()
              + "x"
              + batch.channels());
    }
    FeatureChecks.requireRoom(this, batch, toFeatures, toLogits);
  }

  /**
   * Share of a dataset's images whose greatest logit is that of their label.
   *
   * @param data labelled as the classifier's training data
   */
  public double accuracy(ImageDataset data) {
    float[] someFeatures = new float[BATCH * features()];
    float[] someLogits = new float[BATCH * classes()];
    int right = 0;
    for (int first = 0; first < data.count(); first += BATCH) {
      int[] indexes = new int[Math.min(BATCH, data.count() - first)];
      for (int i = 0; i < indexes.length; i++) {
        indexes[i] = first + i;
      }
      extract(data.batch(indexes), someFeatures, someLogits);
      for (int i = 0; i < indexes.length; i++) {
        if (greatest(someLogits, i * classes()) == data.label(first + i)) {
          right++;
        }
      }
    }
    return (double) right / data.count();
  }

  private int greatest(float[] values, int offset) {
    int best = 0;
    for (int i = 1; i < classes(); i++) {
      if (values[offset + i] > values[offset + best]) {
        best = i;
      }
    }
    return best;
  }

  @Override
  public void close() {
    owned.close();
  }
}
