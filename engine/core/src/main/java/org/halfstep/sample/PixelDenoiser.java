package org.halfstep.sample;

import java.util.List;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.diffusion.Solver;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.ClassInputs;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.halfstep.model.UNetPorts;

/**
 * A UNet of pixels, conditioned by classes or by nothing.
 *
 * @param network stays the caller's
 */
record PixelDenoiser(Network<UNetConfig, ModelCard> network) implements Denoiser {
  PixelDenoiser {
    UNetConfig config = network.architecture();
    if (config.outChannels() != config.inChannels()) {
      throw new IllegalArgumentException(
          "a sampler needs a network that predicts as many channels as it reads, got "
              + config.inChannels()
              + " in and "
              + config.outChannels()
              + " out");
    }
  }

  @Override
  public Device device() {
    return network.device();
  }

  @Override
  public ModelCard card() {
    return network.card();
  }

  @Override
  public int height() {
    return network.architecture().imageSize();
  }

  @Override
  public int width() {
    return network.architecture().imageSize();
  }

  @Override
  public int channels() {
    return network.architecture().inChannels();
  }

  @Override
  public TimeGrid grid(Solver solver, TimeGrid.Spacing spacing, TimeGrid.End end) {
    TimeGrid own = card().timeGrid();
    TimeGrid spaced = spacing == null ? own : own.withSpacing(spacing);
    return end == null ? spaced : new TimeGrid(spaced.spacing(), spaced.offset(), end);
  }

  @Override
  public void requireCondition(SampleRequest request) {
    UNetConfig config = network.architecture();
    if (request.edit() != null) {
      throw new IllegalArgumentException(
          "pictures are edited with latent models; this one makes images of pixels");
    }
    if (request.height() != 0 && request.height() != height()
        || request.width() != 0 && request.width() != width()) {
      throw new IllegalArgumentException(
          "this network makes images of "
              + width()
              + "x"
              + height()
              + ", got "
              + request.width()
              + "x"
              + request.height());
    }
    if (!card().takesGuidance() && request.guidance() != 0 && !config.nullLabel()) {
      throw new IllegalArgumentException(
          "this network has no null label and cannot be guided; use guidance 0");
    }
    switch (request.condition()) {
      case Condition.Labels classes -> requireLabels(classes.labels());
      case Condition.None none -> {
        if (config.isConditional()) {
          throw new IllegalArgumentException(
              "this network makes images of classes: give " + none.count() + " labels");
        }
      }
      case Condition.Prompts _ ->
          throw new IllegalArgumentException(
              "this network makes images of classes and takes no prompts");
    }
  }

  private void requireLabels(int[] labels) {
    UNetConfig config = network.architecture();
    for (int label : labels) {
      if (config.isConditional() && (label < 0 || label >= config.numClasses())) {
        throw new IllegalArgumentException(
            "labels run from 0 to " + (config.numClasses() - 1) + ", got " + label);
      }
    }
  }

  @Override
  public Evaluation evaluation(Device stream, int batch, int branches, DataType type) {
    return new Bound(stream, batch, branches, type);
  }

  /** z lives in the plan's input; rows of the second branch follow. */
  private final class Bound implements Evaluation {
    private final Owned owned = new Owned();
    private final int batch;
    private final int branches;
    private final UNetPorts ports;
    private final Plan plan;
    private final ClassInputs inputs;

    private Bound(Device stream, int batch, int branches, DataType type) {
      this.batch = batch;
      this.branches = branches;
      this.ports = network.architecture().ports(network.graph());
      try {
        this.plan =
            owned.add(
                Plan.inference(
                    stream,
                    network.graph(),
                    PlanOptions.inference(branches * batch).withType(type),
                    network.values()));
        plan.prepare();
        this.inputs = owned.add(new ClassInputs(network, plan));
      } catch (RuntimeException | Error failure) {
        owned.close();
        throw failure;
      }
    }

    @Override
    public Plan plan() {
      return plan;
    }

    @Override
    public long z() {
      return plan.address(ports.x());
    }

    @Override
    public long time() {
      return plan.address(ports.time());
    }

    @Override
    public long out() {
      return plan.address(ports.out());
    }

    @Override
    public List<Launch> feed(Operations operations) {
      if (branches == 1) {
        return List.of();
      }
      long count = (long) batch * values();
      return List.of(
          operations.convert(z(), DataType.F32, z() + Float.BYTES * count, DataType.F32, count));
    }

    @Override
    public void set(SampleRequest request, int first, double time) {
      UNetConfig config = network.architecture();
      int nullLabel = config.isConditional() ? config.numClasses() : 0;
      int[] labels = request.condition() instanceof Condition.Labels of ? of.labels() : null;
      for (int row = 0; row < batch; row++) {
        inputs.set(row, time, labels == null ? 0 : labels[first + row], request.guidance());
        if (branches == 2) {
          inputs.set(batch + row, time, nullLabel, request.guidance());
        }
      }
      inputs.push();
    }

    @Override
    public void close() {
      owned.close();
    }
  }
}
