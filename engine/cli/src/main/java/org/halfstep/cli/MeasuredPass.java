package org.halfstep.cli;

import java.lang.foreign.ValueLayout;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.graph.Graph;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.PlanProfile;
import org.halfstep.graph.StepInfo;
import org.halfstep.graph.Value;
import org.halfstep.model.ClassInputs;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.train.Optimizer;
import org.halfstep.train.OptimizerSettings;

/** What {@code halfstep bench} times: a forward pass of a model's network, or a training step. */
abstract sealed class MeasuredPass implements AutoCloseable {
  private static final double MIDDLE_TIME = 0.5;

  private final Owned owned = new Owned();

  private MeasuredPass() {}

  abstract Plan plan();

  abstract void run();

  abstract PlanProfile profile(int runs);

  /** Floating-point operations of the direct form. */
  abstract long flops();

  @Override
  public void close() {
    owned.close();
  }

  /** An inference plan with its inputs filled. */
  static final class Forward extends MeasuredPass {
    private final Plan plan;

    Forward(DiffusionModel model, int batch, DataType type) {
      Device device = model.network().device();
      plan =
          super.owned.add(
              Plan.inference(
                  device,
                  model.network().graph(),
                  PlanOptions.inference(batch).withType(type),
                  model.network().values()));
      fillInputs(model, plan);
      plan.prepare();
    }

    @Override
    Plan plan() {
      return plan;
    }

    @Override
    void run() {
      plan.forward();
      plan.device().synchronize();
    }

    @Override
    PlanProfile profile(int runs) {
      return PlanProfile.forward(plan, runs);
    }

    @Override
    long flops() {
      return plan.forwardSteps().stream().mapToLong(StepInfo::flops).sum();
    }
  }

  /**
   * Packing the weights, forward, backward from a fixed gradient of the output, and an update with
   * a moving average, at a learning rate of 0: the weights stay what they are.
   */
  static final class Training extends MeasuredPass {
    private static final long SEED = 0;
    private static final double EMA_DECAY = 0.999;
    private static final float GRADIENT = 1e-3f;

    /** Floats per parameter that an update touches: the norm's gradient; p, m, v, ema; g. */
    private static final int UPDATE_FLOATS = 1 + 2 * 4 + 1;

    private final Plan plan;
    private final Optimizer optimizer;
    private final long updateBytes;

    Training(DiffusionModel model, int batch, DataType type) {
      Device device = model.network().device();
      Graph graph = model.network().graph();
      try {
        Network<UNetConfig, ModelCard> opened = model.network();
        // The model's own weights are not to be changed.
        Network<UNetConfig, ModelCard> trained =
            super.owned.add(Network.like(device, opened.architecture(), opened.card(), opened));
        ParameterSlab gradients = super.owned.add(new ParameterSlab(device, graph, "gradients"));
        plan =
            super.owned.add(
                Plan.training(
                    device,
                    graph,
                    PlanOptions.training(batch, SEED).withType(type),
                    trained.weights(),
                    gradients));
        Operations operations = super.owned.add(device.operations());
        optimizer =
            super.owned.add(
                new Optimizer(
                    device,
                    operations,
                    trained.weights(),
                    gradients,
                    OptimizerSettings.adam(EMA_DECAY),
                    0));
        updateBytes = UPDATE_FLOATS * (long) Float.BYTES * graph.parameterFloats();
        fillInputs(model, plan);
        fillGradient(model.config().ports(graph).out());
      } catch (RuntimeException | Error failure) {
        close();
        throw failure;
      }
    }

    private void fillGradient(Value output) {
      long count = plan.count(output);
      try (HostView gradient =
          plan.device().view(plan.gradientAddress(output), Float.BYTES * count)) {
        for (long i = 0; i < count; i++) {
          gradient.memory().setAtIndex(ValueLayout.JAVA_FLOAT, i, GRADIENT);
        }
        gradient.push();
      }
    }

    @Override
    Plan plan() {
      return plan;
    }

    @Override
    void run() {
      plan.prepare();
      plan.forward();
      plan.backward();
      update();
    }

    private void update() {
      optimizer.update(0);
    }

    @Override
    PlanProfile profile(int runs) {
      return PlanProfile.training(plan, runs, updateBytes, this::update);
    }

    @Override
    long flops() {
      return plan.forwardSteps().stream().mapToLong(StepInfo::flops).sum()
          + plan.backwardSteps().stream().mapToLong(StepInfo::flops).sum();
    }
  }

  private static void fillInputs(DiffusionModel model, Plan plan) {
    try (ClassInputs inputs = new ClassInputs(model.network(), plan)) {
      for (int row = 0; row < plan.batch(); row++) {
        inputs.set(row, MIDDLE_TIME, row % model.classes(), model.defaultGuidance());
      }
      inputs.push();
    }
  }
}
