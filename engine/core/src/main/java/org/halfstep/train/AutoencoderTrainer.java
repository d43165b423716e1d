package org.halfstep.train;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.halfstep.device.DataType;
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
import org.halfstep.graph.Shape;
import org.halfstep.latent.VariationalAutoencoderConfig;
import org.halfstep.latent.VariationalAutoencoderPorts;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;

/**
 * One training step of an autoencoder, prepared: pictures, mirrored at random, through both halves
 * with a latent drawn between them, the loss, and back. Everything random is a function of (seed,
 * example number), as in {@link Trainer}. What runs on the device is one recorded sequence; a warm
 * step allocates nothing.
 */
public final class AutoencoderTrainer implements UpdateStep, AutoCloseable {
  private final Owned owned = new Owned();
  private final VariationalAutoencoderConfig config;
  private final Examples examples;
  private final ExampleOrder order;
  private final AutoencoderSettings settings;
  private final ExampleDraws draws;
  private final Plan plan;
  private final Optimizer optimizer;
  private final HostView images;
  private final HostView ids;
  private final HostView losses;
  private final HostView divergences;
  private final List<Sequence> recorded;
  private final int rows;
  private final long imageValues;

  /**
   * @param network trained in place
   * @param examples pictures of the network's size and channels; their conditions mean nothing
   * @param seed of everything random here
   */
  public AutoencoderTrainer(
      Network<VariationalAutoencoderConfig, ComponentCard> network,
      Examples examples,
      AutoencoderSettings settings,
      long seed) {
    this.config = network.architecture();
    requireFit(config, examples.shape());
    this.examples = examples;
    this.order = examples.order(seed);
    this.imageValues = examples.shape().size();
    this.settings = settings;
    this.draws = new ExampleDraws(seed);
    VariationalAutoencoderPorts ports = config.ports(network.graph());
    Shape shape = examples.shape();
    int batch = settings.optimizer().rows(settings.batch());
    this.rows = batch;
    try {
      Device device = owned.add(network.device().stream());
      Operations operations = owned.add(device.operations());
      ParameterSlab gradients = owned.add(new ParameterSlab(device, network.graph(), "gradients"));
      plan =
          owned.add(
              Plan.training(
                  device,
                  network.graph(),
                  PlanOptions.training(batch, seed)
                      .withType(settings.precision())
                      .withKept(Set.of(ports.divergence())),
                  network.weights(),
                  gradients));
      optimizer =
          owned.add(
              new Optimizer(
                  device, operations, network.weights(), gradients, settings.optimizer(), seed));
      SlabLayout numbers = new SlabLayout();
      SlabLayout.Part samples = numbers.longs(batch);
      SlabLayout.Part distances = numbers.doubles(batch);
      SlabLayout.Part key = numbers.bytes(Long.BYTES + Integer.BYTES);
      owned.add(numbers.allocate(device, "pictures and losses"));
      images =
          owned.add(
              device.view(plan.address(ports.image()), (long) Float.BYTES * batch * shape.size()));
      ids = owned.add(samples.window());
      losses = owned.add(distances.window());
      divergences =
          owned.add(device.view(plan.address(ports.divergence()), (long) Float.BYTES * batch));
      HostView noiseKey = owned.add(key.window());
      noiseKey.memory().set(ValueLayout.JAVA_LONG, 0, seed);
      noiseKey.memory().set(ValueLayout.JAVA_INT, Long.BYTES, ExampleDraws.NOISE);
      noiseKey.push();
      List<Launch> launches = new ArrayList<>();
      launches.add(
          operations.normal(
              plan.address(ports.noise()),
              key.address(),
              samples.address(),
              batch,
              config.latentNumbers(),
              DataType.F32));
      launches.add(plan.prepareSequence());
      launches.add(plan.forwardSequence());
      launches.add(
          operations
              .kernel("picture_loss")
              .with("n h w c", batch, shape.height(), shape.width(), shape.channels())
              .with("scales edges factor", settings.scales(), (float) settings.edges(), 1f / batch)
              .with("x y", plan.address(ports.out()), plan.address(ports.image()))
              .with("dx losses", plan.gradientAddress(ports.out()), distances.address()));
      launches.add(plan.backwardSequence());
      recorded = optimizer.sequences(operations, launches);
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  private static void requireFit(VariationalAutoencoderConfig config, Shape shape) {
    Shape taken =
        new Shape(config.imageHeight(), config.imageWidth(), config.network().imageChannels());
    if (!shape.equals(taken)) {
      throw new IllegalArgumentException(
          "the autoencoder takes " + taken + " images, the data has " + shape);
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
      divergences.pull();
      for (int row = 0; row < rows; row++) {
        sum +=
            losses.memory().getAtIndex(ValueLayout.JAVA_DOUBLE, row)
                + config.divergence()
                    * divergences.memory().getAtIndex(ValueLayout.JAVA_FLOAT, row)
                    / config.latentNumbers();
      }
    }
    optimizer.finish();
    return sum / settings.batch();
  }

  private void drawExamples(long first) {
    for (int row = 0; row < rows; row++) {
      long example = first + row;
      ids.memory().setAtIndex(ValueLayout.JAVA_LONG, row, example);
      examples.write(
          order.at(example), example, draws, images.memory(), Float.BYTES * row * imageValues);
    }
    ids.push();
    images.push();
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
