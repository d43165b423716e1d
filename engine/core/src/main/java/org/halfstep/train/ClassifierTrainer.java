package org.halfstep.train;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.device.Sequence;
import org.halfstep.device.SlabLayout;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.ClassifierCard;
import org.halfstep.model.ClassifierConfig;
import org.halfstep.model.ExtractorPorts;
import org.halfstep.model.Network;

/**
 * One training step of a classifier, prepared: images, mirrored and moved at random, through the
 * network, softmax cross entropy, and back. Everything random is a function of (seed, example
 * number), as in {@link Trainer}. A warm step allocates nothing.
 */
public final class ClassifierTrainer implements UpdateStep, AutoCloseable {
  private static final float DARKEST = -1;
  private static final int ROWS = 0;
  private static final int COLUMNS = 1;

  private final Owned owned = new Owned();
  private final ImageDataset data;
  private final ClassifierSettings settings;
  private final ExampleOrder order;
  private final ExampleDraws draws;
  private final Plan plan;
  private final Optimizer optimizer;
  private final HostView images;
  private final HostView labels;
  private final HostView losses;
  private final List<Sequence> recorded;
  private final int rows;
  private final float[] whole;

  /**
   * @param classifier trained in place
   * @param data its images must have the classifier's size, channels and classes
   * @param seed of everything random here
   */
  public ClassifierTrainer(
      Network<ClassifierConfig, ClassifierCard> classifier,
      ImageDataset data,
      ClassifierSettings settings,
      long seed) {
    ClassifierConfig config = classifier.architecture();
    requireFit(config, data);
    ExtractorPorts ports = config.ports(classifier.graph());
    Device device = classifier.device();
    int batch = settings.optimizer().rows(settings.batch());
    this.rows = batch;
    this.data = data;
    this.settings = settings;
    this.order = ExampleOrder.shuffled(seed, data.count());
    this.draws = new ExampleDraws(seed);
    this.whole = new float[data.imageValues()];
    try {
      Operations operations = owned.add(device.operations());
      ParameterSlab gradients =
          owned.add(new ParameterSlab(device, classifier.graph(), "gradients"));
      plan =
          owned.add(
              Plan.training(
                  device,
                  classifier.graph(),
                  PlanOptions.training(batch, seed).withType(settings.precision()),
                  classifier.weights(),
                  gradients));
      optimizer =
          owned.add(
              new Optimizer(
                  device, operations, classifier.weights(), gradients, settings.optimizer(), seed));
      SlabLayout numbers = new SlabLayout();
      SlabLayout.Part classes = numbers.ints(batch);
      SlabLayout.Part entropies = numbers.floats(batch);
      owned.add(numbers.allocate(device, "labels and losses"));
      images =
          owned.add(
              device.view(
                  plan.address(ports.x()), (long) Float.BYTES * batch * data.imageValues()));
      labels = owned.add(classes.window());
      losses = owned.add(entropies.window());
      Launch crossEntropy =
          operations.softmaxCrossEntropy(
              plan.address(ports.out()),
              classes.address(),
              entropies.address(),
              plan.gradientAddress(ports.out()),
              1f / batch,
              batch,
              config.classes());
      recorded =
          optimizer.sequences(
              operations,
              List.of(
                  plan.prepareSequence(),
                  plan.forwardSequence(),
                  crossEntropy,
                  plan.backwardSequence()));
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  private static void requireFit(ClassifierConfig config, ImageDataset data) {
    int side = config.imageSize();
    if (data.height() != side
        || data.width() != side
        || data.channels() != config.channels()
        || data.classNames().size() != config.classes()) {
      throw new IllegalArgumentException(
          "the classifier takes "
              + side
              + "x"
              + side
              + "x"
              + config.channels()
              + " images of "
              + config.classes()
              + " classes, the data has "
              + data.height()
              + "x"
              + data.width()
              + "x"
              + data.channels()
              + " images of "
              + data.classNames().size());
    }
  }

  @Override
  public double step(long update, double learningRate) {
    double sum = 0;
    for (int part = 0; part < recorded.size(); part++) {
      drawExamples((update * recorded.size() + part) * rows);
      if (part + 1 == recorded.size()) {
        optimizer.begin(learningRate);
      }
      recorded.get(part).run();
      losses.pull();
      for (int row = 0; row < rows; row++) {
        sum += losses.memory().getAtIndex(ValueLayout.JAVA_FLOAT, row);
      }
    }
    optimizer.finish();
    return sum / settings.batch();
  }

  private void drawExamples(long first) {
    for (int row = 0; row < rows; row++) {
      long example = first + row;
      int index = order.at(example);
      labels.memory().setAtIndex(ValueLayout.JAVA_INT, row, data.label(index));
      data.copyNormalized(
          index,
          settings.mirror() && draws.mirrors(example, ExampleDraws.MIRROR_PROBABILITY),
          MemorySegment.ofArray(whole),
          0);
      copyShifted(
          draws.shift(example, ROWS, settings.shift()),
          draws.shift(example, COLUMNS, settings.shift()),
          (long) row * whole.length);
    }
    labels.push();
    images.push();
  }

  private void copyShifted(int down, int right, long offset) {
    int channels = data.channels();
    long target = offset;
    for (int y = 0; y < data.height(); y++) {
      for (int x = 0; x < data.width(); x++) {
        int fromY = y - down;
        int fromX = x - right;
        boolean inside = fromY >= 0 && fromY < data.height() && fromX >= 0 && fromX < data.width();
        int from = (fromY * data.width() + fromX) * channels;
        for (int c = 0; c < channels; c++) {
          images
              .memory()
              .setAtIndex(ValueLayout.JAVA_FLOAT, target++, inside ? whole[from + c] : DARKEST);
        }
      }
    }
  }

  @Override
  public Optimizer optimizer() {
    return optimizer;
  }

  @Override
  public void close() {
    owned.close();
  }
}
