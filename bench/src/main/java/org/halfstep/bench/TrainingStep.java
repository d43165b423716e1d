package org.halfstep.bench;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import org.halfstep.device.Coefficients;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Slab;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.PlanProfile;
import org.halfstep.graph.Value;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.halfstep.random.Philox;
import org.halfstep.train.Optimizer;
import org.halfstep.train.OptimizerSettings;

/**
 * Forward, gradient of the mean squared error to a fixed target, backward, Adam: what the peers'
 * training runs time.
 */
final class TrainingStep implements AutoCloseable {
  private static final double LEARNING_RATE = 1e-4;

  /** Floats per parameter that an update touches: the norm's gradient; p, m and v twice; g. */
  private static final int UPDATE_FLOATS = 1 + 2 * 3 + 1;

  private static final long SEED = 5;

  private final Network<UNetConfig, ModelCard> network;
  private final ParameterSlab gradients;
  private final Plan plan;
  private final Operations operations;
  private final Optimizer optimizer;
  private final Slab target;
  private final Coefficients difference;
  private final Launch lossGradient;

  TrainingStep(Device device, PeerNetwork which, int batch, DataType precision) throws IOException {
    network = which.load(device);
    gradients = new ParameterSlab(device, network.graph(), "gradients");
    plan =
        Plan.training(
            device,
            network.graph(),
            PlanOptions.training(batch, SEED).withType(precision),
            network.weights(),
            gradients);
    operations = device.operations();
    optimizer =
        new Optimizer(
            device, operations, network.weights(), gradients, OptimizerSettings.adam(0), 0);
    PeerInputs.fill(plan, network.architecture());
    Value output = output();
    long count = plan.count(output);
    target = device.allocate("target", Float.BYTES * count);
    fillTarget(count);
    difference = new Coefficients(device, "loss gradient", 2, batch);
    difference.setAll(0, 2.0 / count);
    difference.setAll(1, -2.0 / count);
    difference.push();
    lossGradient =
        operations.linearCombination(
            plan.gradientAddress(output),
            new long[] {plan.address(output), target.address()},
            difference.address(),
            batch,
            count / batch,
            DataType.F32);
  }

  private Value output() {
    return network.architecture().ports(plan.graph()).out();
  }

  private void fillTarget(long count) {
    float[] noise = new float[Math.toIntExact(count)];
    Philox.normal(SEED, 0, 0, noise);
    try (HostView window = plan.device().view(target.address(), Float.BYTES * count)) {
      for (int i = 0; i < noise.length; i++) {
        window.memory().setAtIndex(ValueLayout.JAVA_FLOAT, i, noise[i]);
      }
      window.push();
    }
  }

  void run() {
    plan.prepare();
    plan.forward();
    lossGradient.run();
    plan.backward();
    optimizer.update(LEARNING_RATE);
    plan.device().synchronize();
  }

  /** Where the time of {@code runs} steps goes. */
  PlanProfile profile(int runs) {
    return PlanProfile.training(
        plan,
        runs,
        UPDATE_FLOATS * gradients.bytes(),
        () -> {
          lossGradient.run();
          optimizer.update(LEARNING_RATE);
        });
  }

  Plan plan() {
    return plan;
  }

  /** Mean squared error of the last forward pass. */
  double loss() {
    int count = Math.toIntExact(plan.count(output()));
    double sum = 0;
    try (HostView out = plan.device().view(plan.address(output()), (long) Float.BYTES * count);
        HostView wanted = plan.device().view(target.address(), (long) Float.BYTES * count)) {
      out.pull();
      for (int i = 0; i < count; i++) {
        double d =
            out.memory().getAtIndex(ValueLayout.JAVA_FLOAT, i)
                - wanted.memory().getAtIndex(ValueLayout.JAVA_FLOAT, i);
        sum += d * d;
      }
    }
    return sum / count;
  }

  @Override
  public void close() {
    optimizer.close();
    operations.close();
    plan.close();
    gradients.close();
    difference.close();
    target.close();
    network.close();
  }
}
