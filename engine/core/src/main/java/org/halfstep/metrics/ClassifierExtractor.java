package org.halfstep.metrics;

import java.io.IOException;
import java.nio.file.Path;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.files.FileDigest;
import org.halfstep.image.ImageBatch;
import org.halfstep.model.BundledFile;
import org.halfstep.model.ClassifierCard;
import org.halfstep.model.ClassifierConfig;
import org.halfstep.model.Network;

/**
 * A classifier ({@link ClassifierConfig}) as the network that image metrics take features from: its
 * features are the mean over the pixels of its last level. For Fashion-MNIST one is bundled.
 */
public final class ClassifierExtractor extends NetworkExtractor {
  /** Name of the bundled classifier. */
  public static final String BUNDLED = "fashion-mnist-classifier";

  private static final int BATCH = 50;

  private final Network<ClassifierConfig, ClassifierCard> classifier;

  private ClassifierExtractor(Network<ClassifierConfig, ClassifierCard> classifier, String sha256) {
    super(classifier, classifier.architecture().ports(classifier.graph()), BATCH, sha256);
    this.classifier = classifier;
  }

  /**
   * Reads a classifier's file.
   *
   * @throws IOException in one line, when it is not a classifier's
   */
  public static ClassifierExtractor load(Device device, Path file) throws IOException {
    String sha256 = FileDigest.sha256(file);
    return new ClassifierExtractor(Network.load(device, ClassifierConfig.FORMAT, file), sha256);
  }

  /** The bundled classifier of Fashion-MNIST. */
  public static ClassifierExtractor fashionMnist(Device device) throws IOException {
    return BundledFile.read(BUNDLED, path -> load(device, path));
  }

  /** The classifier behind it. */
  public Network<ClassifierConfig, ClassifierCard> classifier() {
    return classifier;
  }

  @Override
  public String name() {
    return classifier.card().dataset() + " classifier";
  }

  @Override
  public int features() {
    return classifier.architecture().features();
  }

  @Override
  public int classes() {
    return classifier.architecture().classes();
  }

  @Override
  Input input(ImageBatch images) {
    ClassifierConfig config = classifier.architecture();
    return SquarePictures.input(name(), config.imageSize(), config.channels(), images);
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
}
