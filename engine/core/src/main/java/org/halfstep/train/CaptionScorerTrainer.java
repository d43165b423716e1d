package org.halfstep.train;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.Shape;
import org.halfstep.latent.TextVectors;
import org.halfstep.model.CaptionScorerConfig;
import org.halfstep.model.CaptionScorerPorts;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;

/**
 * One training step of a caption scorer, prepared: pictures and the vectors of their captions
 * through the network, {@link ContrastiveLoss} of the whole batch on the host, and back. Everything
 * random is a function of (seed, example number), as in {@link Trainer}. A warm step allocates
 * nothing but where a caption comes for the first time.
 */
public final class CaptionScorerTrainer implements UpdateStep, AutoCloseable {
  private final Owned owned = new Owned();
  private final CaptionedImages examples;
  private final ExampleOrder order;
  private final ExampleDraws draws;
  private final CaptionVectors captions;
  private final Plan plan;
  private final Optimizer optimizer;
  private final HostView images;
  private final HostView texts;
  private final HostView outputs;
  private final HostView gradients;
  private final ContrastiveLoss loss;
  private final int[] numbers;
  private final long imageBytes;

  /**
   * @param network trained in place
   * @param examples pictures of the network's size and channels, with captions
   * @param vectors of texts, of the network's width; stays the caller's
   * @param seed of everything random here
   */
  public CaptionScorerTrainer(
      Network<CaptionScorerConfig, ComponentCard> network,
      CaptionedImages examples,
      TextVectors vectors,
      CaptionScorerSettings settings,
      long seed) {
    CaptionScorerConfig config = network.architecture();
    requireFit(config, examples.shape(), vectors);
    CaptionScorerPorts ports = config.ports(network.graph());
    Device device = network.device();
    int batch = settings.batch();
    this.examples = examples;
    this.order = examples.order(seed);
    this.draws = new ExampleDraws(seed);
    this.captions = new CaptionVectors(vectors, examples.pictures().texts().all());
    this.loss = new ContrastiveLoss(batch, config.embedding());
    this.numbers = new int[batch];
    this.imageBytes = (long) Float.BYTES * examples.shape().size();
    try {
      Operations operations = owned.add(device.operations());
      ParameterSlab slab = owned.add(new ParameterSlab(device, network.graph(), "gradients"));
      plan =
          owned.add(
              Plan.training(
                  device,
                  network.graph(),
                  PlanOptions.training(batch, seed).withType(settings.precision()),
                  network.weights(),
                  slab));
      optimizer =
          owned.add(
              new Optimizer(
                  device, operations, network.weights(), slab, settings.optimizer(), seed));
      images = owned.add(device.view(plan.address(ports.x()), batch * imageBytes));
      texts =
          owned.add(
              device.view(plan.address(ports.text()), (long) Float.BYTES * batch * config.text()));
      long outBytes = (long) Float.BYTES * batch * config.outputs();
      outputs = owned.add(device.view(plan.address(ports.out()), outBytes));
      gradients = owned.add(device.view(plan.gradientAddress(ports.out()), outBytes));
      HostView ones = owned.add(device.view(plan.address(ports.one()), (long) Float.BYTES * batch));
      for (int row = 0; row < batch; row++) {
        ones.memory().setAtIndex(ValueLayout.JAVA_FLOAT, row, 1);
      }
      ones.push();
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  private static void requireFit(CaptionScorerConfig config, Shape shape, TextVectors vectors) {
    Shape taken = new Shape(config.imageSize(), config.imageSize(), config.channels());
    if (!shape.equals(taken)) {
      throw new IllegalArgumentException(
          "the caption scorer takes " + taken + " pictures, the data has " + shape);
    }
    if (config.text() != vectors.width()) {
      throw new IllegalArgumentException(
          "the caption scorer takes texts' vectors of "
              + config.text()
              + " numbers, the text encoder's have "
              + vectors.width());
    }
  }

  @Override
  public double step(long update, double learningRate) {
    drawExamples(update);
    plan.prepare();
    plan.forward();
    outputs.pull();
    double value = loss.compute(outputs.memory(), gradients.memory(), numbers);
    gradients.push();
    plan.backward();
    optimizer.update(learningRate);
    return value;
  }

  private void drawExamples(long update) {
    long first = update * numbers.length;
    MemorySegment vectors = texts.memory();
    for (int row = 0; row < numbers.length; row++) {
      long example = first + row;
      int index = order.at(example);
      examples.write(index, example, draws, images.memory(), row * imageBytes);
      numbers[row] = examples.condition(index, example, draws);
      captions.copy(numbers[row], vectors, (long) row * captions.bytes());
    }
    images.push();
    texts.push();
  }

  /** The factor of cosines at the last step: what is learned of it. */
  public double scale() {
    return loss.scale();
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
