package org.halfstep.train;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Coefficients;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.device.Sequence;
import org.halfstep.device.SlabLayout;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.NetworkInputs;
import org.halfstep.model.UNetConfig;
import org.halfstep.model.UNetPorts;
import org.halfstep.random.Permutation;

/**
 * One training step, prepared: noise real images, ask the objective for the target, run the network
 * forward and backward, update the weights. Everything random is a function of (seed, example
 * number), so update k does the same work in a resumed run as in an uninterrupted one. A warm step
 * allocates nothing.
 */
public final class Trainer implements UpdateStep, AutoCloseable {
  private static final double MIRROR_PROBABILITY = 0.5;

  /** Makes an objective for the trainer's batch. */
  @FunctionalInterface
  public interface ObjectiveFactory {
    Objective create(TrainingBatch batch, ExampleDraws draws);
  }

  private final Owned owned = new Owned();
  private final ImageDataset data;
  private final NoiseSchedule schedule;
  private final boolean mirror;
  private final long seed;
  private final ExampleDraws draws;
  private final Operations operations;
  private final ParameterSlab gradients;
  private final Plan plan;
  private final NetworkInputs inputs;
  private final TrainingBatch batch;
  private final Objective objective;
  private final Optimizer optimizer;
  private final Coefficients noising;
  private final Coefficients lossGradient;
  private final HostView ids;
  private final HostView noiseKey;
  private final HostView distances;
  private final HostView dropoutIds;
  private final HostView dropoutDraw;
  private final Launch noise;
  private final Launch addNoise;
  private final Launch copyToPlan;
  private final Launch distance;
  private final Launch gradient;
  private final Sequence recorded;
  private Permutation order;
  private long orderEpoch = -1;

  /**
   * @param network trained in place
   * @param data its images must have the network's size and channels
   * @param batchSize examples per update
   * @param mirror whether images are flipped left to right at random
   * @param seed of everything random in this stage
   */
  public Trainer(
      Network<UNetConfig, ModelCard> network,
      ImageDataset data,
      int batchSize,
      boolean mirror,
      long seed,
      OptimizerSettings optimizerSettings,
      ObjectiveFactory objectiveFactory) {
    this(network, data, batchSize, DataType.F32, mirror, seed, optimizerSettings, objectiveFactory);
  }

  /**
   * A trainer of a chosen precision.
   *
   * @param precision storage type of activations; weights and optimizer stay float32
   */
  public Trainer(
      Network<UNetConfig, ModelCard> network,
      ImageDataset data,
      int batchSize,
      DataType precision,
      boolean mirror,
      long seed,
      OptimizerSettings optimizerSettings,
      ObjectiveFactory objectiveFactory) {
    requireFit(network, data);
    UNetPorts ports = network.architecture().ports(network.graph());
    this.data = data;
    this.schedule = network.card().noiseSchedule();
    this.mirror = mirror;
    this.seed = seed;
    this.draws = new ExampleDraws(seed, schedule);
    try {
      Device device = owned.add(network.device().stream());
      this.operations = owned.add(device.operations());
      this.gradients = owned.add(new ParameterSlab(device, network.graph(), "gradients"));
      this.plan =
          owned.add(
              Plan.training(
                  device,
                  network.graph(),
                  PlanOptions.training(batchSize, seed).withType(precision),
                  network.weights(),
                  gradients));
      this.inputs = owned.add(new NetworkInputs(network, plan));
      this.batch = owned.add(new TrainingBatch(device, batchSize, data.imageValues(), precision));
      this.objective = owned.add(objectiveFactory.create(batch, draws));
      this.optimizer =
          owned.add(
              new Optimizer(device, operations, network.weights(), gradients, optimizerSettings));
      this.noising = owned.add(new Coefficients(device, "noising", 2, batchSize));
      this.lossGradient = owned.add(new Coefficients(device, "loss gradient", 2, batchSize));
      SlabLayout numbers = new SlabLayout();
      SlabLayout.Part examples = numbers.longs(batchSize);
      SlabLayout.Part errors = numbers.doubles(batchSize);
      SlabLayout.Part key = numbers.bytes(Long.BYTES + Integer.BYTES);
      owned.add(numbers.allocate(device, "training numbers"));
      this.ids = owned.add(examples.window());
      this.distances = owned.add(errors.window());
      this.noiseKey = owned.add(key.window());
      noiseKey.memory().set(ValueLayout.JAVA_LONG, 0, seed);
      noiseKey.memory().set(ValueLayout.JAVA_INT, Long.BYTES, ExampleDraws.NOISE);
      noiseKey.push();
      if (plan.hasDropout()) {
        this.dropoutIds =
            owned.add(device.view(plan.sampleIdsAddress(), (long) Long.BYTES * batchSize));
        this.dropoutDraw = owned.add(device.view(plan.drawAddress(), Integer.BYTES));
        dropoutDraw.memory().set(ValueLayout.JAVA_INT, 0, ExampleDraws.DROPOUT);
        dropoutDraw.push();
      } else {
        this.dropoutIds = null;
        this.dropoutDraw = null;
      }
      int values = data.imageValues();
      this.noise =
          operations.normal(
              batch.noise(), key.address(), examples.address(), batchSize, values, DataType.F32);
      this.addNoise =
          operations.linearCombination(
              batch.noised(),
              new long[] {batch.clean(), batch.noise()},
              noising.address(),
              batchSize,
              values,
              DataType.F32);
      this.copyToPlan =
          operations.convert(
              batch.noised(),
              DataType.F32,
              plan.address(ports.x()),
              DataType.F32,
              (long) batchSize * values);
      this.distance =
          operations.squaredDistance(
              plan.address(ports.out()),
              batch.target(),
              errors.address(),
              batchSize,
              values,
              DataType.F32);
      this.gradient =
          operations.linearCombination(
              plan.gradientAddress(ports.out()),
              new long[] {plan.address(ports.out()), batch.target()},
              lossGradient.address(),
              batchSize,
              values,
              DataType.F32);
      this.recorded = record();
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  private static void requireFit(Network<UNetConfig, ModelCard> network, ImageDataset data) {
    if (network.card().predicts() != Parameterization.V) {
      throw new IllegalArgumentException(
          "training and distillation need networks that predict v, this one predicts "
              + network.card().predicts());
    }
    int side = network.architecture().imageSize();
    if (data.height() != side
        || data.width() != side
        || data.channels() != network.architecture().inChannels()) {
      throw new IllegalArgumentException(
          "the network takes "
              + side
              + "x"
              + side
              + "x"
              + network.architecture().inChannels()
              + " images, the data has "
              + data.height()
              + "x"
              + data.width()
              + "x"
              + data.channels());
    }
    if (network.architecture().outChannels() != network.architecture().inChannels()) {
      throw new IllegalArgumentException(
          "the network must predict as many channels as it reads, got "
              + network.architecture().inChannels()
              + " in and "
              + network.architecture().outChannels()
              + " out");
    }
    if (network.architecture().isConditional()
        && data.classNames().size() != network.architecture().numClasses()) {
      throw new IllegalArgumentException(
          "the network has "
              + network.architecture().numClasses()
              + " classes, the data "
              + data.classNames().size());
    }
  }

  /**
   * One update.
   *
   * @param update number of the update within the stage, from 0: decides the examples and all draws
   * @return the batch's loss before the update
   */
  @Override
  public double step(long update, double learningRate) {
    drawExamples(update);
    LossWeighting weighting = objective.weighting();
    for (int row = 0; row < batch.size(); row++) {
      double alpha = batch.alphas()[row];
      double sigma = batch.sigmas()[row];
      noising.set(0, row, alpha);
      noising.set(1, row, sigma);
      inputs.set(row, batch.times()[row], batch.labels()[row], batch.guidances()[row]);
      double factor =
          weighting.gradientOfDifference(alpha, sigma, batch.imageValues(), batch.size());
      lossGradient.set(0, row, factor);
      lossGradient.set(1, row, -factor);
    }
    noising.push();
    inputs.push();
    lossGradient.push();
    objective.write(batch);
    optimizer.begin(learningRate);
    recorded.run();
    optimizer.finish();
    return loss(weighting);
  }

  /** All of an update that runs on the device; it waits for nothing in between. */
  private Sequence record() {
    List<Launch> launches = new ArrayList<>(List.of(noise, addNoise, copyToPlan));
    launches.addAll(objective.target());
    launches.addAll(
        List.of(
            plan.prepareSequence(),
            plan.forwardSequence(),
            distance,
            gradient,
            plan.backwardSequence()));
    launches.addAll(optimizer.launches());
    return operations.record(launches);
  }

  private void drawExamples(long update) {
    long first = update * batch.size();
    for (int row = 0; row < batch.size(); row++) {
      long example = first + row;
      int index = imageOf(example);
      batch.examples()[row] = example;
      batch.labels()[row] = data.label(index);
      ids.memory().setAtIndex(ValueLayout.JAVA_LONG, row, example);
      if (dropoutIds != null) {
        dropoutIds.memory().setAtIndex(ValueLayout.JAVA_LONG, row, example);
      }
      data.copyNormalized(
          index,
          mirror && draws.mirrors(example, MIRROR_PROBABILITY),
          batch.cleanImages(),
          (long) Float.BYTES * row * batch.imageValues());
    }
    ids.push();
    if (dropoutIds != null) {
      dropoutIds.push();
    }
    batch.pushCleanImages();
    objective.draw(batch);
    for (int row = 0; row < batch.size(); row++) {
      batch.alphas()[row] = schedule.alpha(batch.times()[row]);
      batch.sigmas()[row] = schedule.sigma(batch.times()[row]);
    }
  }

  private int imageOf(long example) {
    long epoch = example / data.count();
    if (epoch != orderEpoch) {
      order = new Permutation(seed, epoch, data.count());
      orderEpoch = epoch;
    }
    return (int) order.at(example % data.count());
  }

  private double loss(LossWeighting weighting) {
    distances.pull();
    double sum = 0;
    for (int row = 0; row < batch.size(); row++) {
      sum +=
          weighting.lossOfSquaredDistance(
                  batch.alphas()[row], batch.sigmas()[row], batch.imageValues())
              * distances.memory().getAtIndex(ValueLayout.JAVA_DOUBLE, row);
    }
    return sum / batch.size();
  }

  @Override
  public Optimizer optimizer() {
    return optimizer;
  }

  /** The network's training plan, for profiles and sizes. */
  public Plan plan() {
    return plan;
  }

  @Override
  public void close() {
    owned.close();
  }
}
