package org.halfstep.train;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.halfstep.device.Coefficients;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.device.Sequence;
import org.halfstep.device.SlabLayout;
import org.halfstep.diffusion.ErrorWeight;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.Shape;
import org.halfstep.model.DiffusionArchitecture;
import org.halfstep.model.DiffusionPorts;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.NetworkInputs;

/**
 * One training step, prepared: noise the examples, ask the objective for the target, run the
 * network forward and backward, update the weights. Everything random is a function of (seed,
 * example number), so update k does the same work in a resumed run as in an uninterrupted one. A
 * warm step allocates nothing.
 */
public final class Trainer implements UpdateStep, AutoCloseable {
  /** Makes an objective for the trainer's batch. */
  @FunctionalInterface
  public interface ObjectiveFactory {
    Objective create(TrainingBatch batch, ExampleDraws draws);
  }

  /** Number of the first example that is only measured on. */
  private static final long HELD_OUT = 1L << 48;

  private final Owned owned = new Owned();
  private final Examples data;
  private final ExampleOrder order;
  private final NoiseSchedule schedule;
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
  private final List<Launch> copyToPlan;
  private final Launch distance;
  private final Launch gradient;
  private final List<Sequence> recorded;
  private final Sequence measuring;

  /**
   * @param conditioned its network is trained in place
   * @param data of the network's size and channels, with the conditions that it knows
   * @param batchSize examples per update
   * @param seed of everything random in this stage
   */
  public Trainer(
      ConditionedNetwork conditioned,
      Examples data,
      int batchSize,
      long seed,
      OptimizerSettings optimizerSettings,
      ObjectiveFactory objectiveFactory) {
    this(conditioned, data, batchSize, DataType.F32, seed, optimizerSettings, objectiveFactory);
  }

  /**
   * A trainer of a chosen precision.
   *
   * @param precision storage type of activations; weights and optimizer stay float32
   */
  public Trainer(
      ConditionedNetwork conditioned,
      Examples data,
      int batchSize,
      DataType precision,
      long seed,
      OptimizerSettings optimizerSettings,
      ObjectiveFactory objectiveFactory) {
    this(
        conditioned,
        data,
        PlanOptions.training(batchSize, seed).withType(precision),
        seed,
        optimizerSettings,
        objectiveFactory);
  }

  /**
   * A trainer of a chosen plan.
   *
   * @param options of the network's training plan; its batch is that of an update, in whole
   */
  public Trainer(
      ConditionedNetwork conditioned,
      Examples data,
      PlanOptions options,
      long seed,
      OptimizerSettings optimizerSettings,
      ObjectiveFactory objectiveFactory) {
    int batchSize = optimizerSettings.rows(options.batch());
    Network<? extends DiffusionArchitecture, ModelCard> network = conditioned.network();
    DiffusionPorts ports = network.architecture().ports(network.graph());
    requireFit(network.card(), ports, data);
    conditioned.requireConditions(data);
    int values = data.shape().size();
    this.data = data;
    this.order = data.order(seed);
    this.schedule = network.card().noiseSchedule();
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
                  options.withBatch(batchSize),
                  network.weights(),
                  gradients));
      this.inputs = owned.add(conditioned.inputs(plan));
      this.batch =
          owned.add(
              new TrainingBatch(
                  device, batchSize, data.shape(), data.besideChannels(), options.type(), inputs));
      this.objective = owned.add(objectiveFactory.create(batch, draws));
      this.optimizer =
          owned.add(
              new Optimizer(
                  device, operations, network.weights(), gradients, optimizerSettings, seed));
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
      this.copyToPlan = NoisedInput.of(operations, batch.noised(), batch, plan, ports.x(), 0);
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
      this.measuring = operations.record(forward());
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  private static void requireFit(ModelCard card, DiffusionPorts ports, Examples data) {
    if (card.predicts() != Parameterization.V) {
      throw new IllegalArgumentException(
          "training and distillation need networks that predict v, this one predicts "
              + card.predicts());
    }
    Shape given = data.shape();
    Shape seen = new Shape(given.height(), given.width(), given.channels() + data.besideChannels());
    Shape taken = ports.x().shape();
    if (!taken.equals(seen)) {
      throw new IllegalArgumentException(
          "the network takes " + taken + " images, the data has " + seen);
    }
    if (!ports.out().shape().equals(given)) {
      throw new IllegalArgumentException(
          "the network must predict as many channels as it reads, got "
              + given.channels()
              + " in and "
              + ports.out().shape().channels()
              + " out");
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
    double loss = 0;
    for (int part = 0; part < recorded.size(); part++) {
      ErrorWeight weighting = prepare(update, part);
      if (part + 1 == recorded.size()) {
        optimizer.begin(learningRate);
      }
      recorded.get(part).run();
      loss += loss(weighting);
    }
    optimizer.finish();
    return loss / recorded.size();
  }

  /** Writes what a part of an update reads. */
  private ErrorWeight prepare(long update, int part) {
    batch.setUpdate(update);
    return draw(data, order, (update * recorded.size() + part) * batch.size());
  }

  /** Draws examples and writes all that the device reads of them. */
  private ErrorWeight draw(Examples from, ExampleOrder numbers, long first) {
    drawExamples(from, numbers, first);
    ErrorWeight weighting = objective.weighting();
    for (int row = 0; row < batch.size(); row++) {
      double alpha = batch.alphas()[row];
      double sigma = batch.sigmas()[row];
      noising.set(0, row, alpha);
      noising.set(1, row, sigma);
      inputs.set(row, batch.times()[row], batch.conditions()[row], batch.guidances()[row]);
      double factor = weighting.gradientOfDifference(alpha, sigma, batch.values(), batch.size());
      lossGradient.set(0, row, factor);
      lossGradient.set(1, row, -factor);
    }
    noising.push();
    inputs.push();
    lossGradient.push();
    objective.write(batch);
    return weighting;
  }

  /** All of an update that runs on the device; it waits for nothing in between. */
  private List<Sequence> record() {
    List<Launch> launches = forward();
    launches.addAll(List.of(gradient, plan.backwardSequence()));
    return optimizer.sequences(operations, launches);
  }

  /** Up to the distance between what is predicted and the target. */
  private List<Launch> forward() {
    List<Launch> launches = new ArrayList<>(List.of(noise, addNoise));
    launches.addAll(copyToPlan);
    launches.addAll(inputs.launches());
    launches.addAll(objective.target());
    launches.addAll(List.of(plan.prepareSequence(), plan.forwardSequence(), distance));
    return launches;
  }

  @Override
  public Optional<HeldOutLoss> heldOutLoss(Examples examples, int count) {
    if (!examples.shape().equals(data.shape())
        || examples.besideChannels() != data.besideChannels()) {
      throw new IllegalArgumentException(
          "held-out examples are "
              + examples.shape()
              + ", those that are learned from "
              + data.shape());
    }
    HeldOutLoss.Sums sums = new HeldOutLoss.Sums();
    ExampleOrder inOrder = example -> (int) (example % examples.count());
    for (long done = 0; done < count; done += batch.size()) {
      // Far from the numbers of all examples of a training: with noise of their own.
      ErrorWeight weighting = draw(examples, inOrder, HELD_OUT + done);
      measuring.run();
      distances.pull();
      for (int row = 0; row < batch.size(); row++) {
        sums.add(batch.times()[row], loss(weighting, row));
      }
    }
    return Optional.of(sums.means());
  }

  private void drawExamples(Examples from, ExampleOrder numbers, long first) {
    for (int row = 0; row < batch.size(); row++) {
      long example = first + row;
      int index = numbers.at(example);
      batch.examples()[row] = example;
      batch.conditions()[row] = from.condition(index, example, draws);
      ids.memory().setAtIndex(ValueLayout.JAVA_LONG, row, example);
      if (dropoutIds != null) {
        dropoutIds.memory().setAtIndex(ValueLayout.JAVA_LONG, row, example);
      }
      from.write(
          index, example, draws, batch.cleanValues(), (long) Float.BYTES * row * batch.values());
      if (batch.besideChannels() > 0) {
        long beside = (long) Float.BYTES * row * batch.pixels() * batch.besideChannels();
        from.writeBeside(index, example, draws, batch.besideValues(), beside);
      }
    }
    ids.push();
    if (dropoutIds != null) {
      dropoutIds.push();
    }
    batch.pushClean();
    objective.draw(batch);
    for (int row = 0; row < batch.size(); row++) {
      // An encoder begins with the image itself.
      batch.alphas()[row] = schedule.pathAlpha(batch.times()[row]);
      batch.sigmas()[row] = schedule.pathSigma(batch.times()[row]);
    }
  }

  private double loss(ErrorWeight weighting) {
    distances.pull();
    double sum = 0;
    for (int row = 0; row < batch.size(); row++) {
      sum += loss(weighting, row);
    }
    return sum / batch.size();
  }

  private double loss(ErrorWeight weighting, int row) {
    return weighting.lossOfSquaredDistance(batch.alphas()[row], batch.sigmas()[row], batch.values())
        * distances.memory().getAtIndex(ValueLayout.JAVA_DOUBLE, row);
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
