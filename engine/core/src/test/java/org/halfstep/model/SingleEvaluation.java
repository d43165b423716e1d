package org.halfstep.model;

import org.halfstep.device.DeviceArrays;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;

/** A network evaluated on one image at a time: the plain way, to compare prepared loops with. */
public final class SingleEvaluation implements AutoCloseable {
  private final Network<UNetConfig, ModelCard> network;
  private final Plan plan;
  private final ClassInputs inputs;
  private int evaluations;

  /** The network stays the caller's. */
  public SingleEvaluation(Network<UNetConfig, ModelCard> network) {
    this.network = network;
    this.plan =
        Plan.inference(
            network.device(), network.graph(), PlanOptions.inference(1), network.weights());
    plan.prepare();
    this.inputs = new ClassInputs(network, plan);
  }

  /** v at z, rounded to float32 first. */
  public double[] v(double[] z, double time, int label, double guidance) {
    write("x", z);
    inputs.set(0, time, label, guidance);
    inputs.push();
    return forward(z.length);
  }

  /** The output at z, rounded to float32 first, with the network told of a time as it is. */
  public double[] at(double[] z, double timeInput, int label, double guidance) {
    inputs.set(0, 0, label, guidance);
    inputs.push();
    write("t", timeInput);
    write("x", z);
    return forward(z.length);
  }

  private void write(String input, double... values) {
    float[] rounded = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      rounded[i] = (float) values[i];
    }
    DeviceArrays.write(network.device(), plan.address(input), rounded);
  }

  private double[] forward(int count) {
    plan.forward();
    evaluations++;
    float[] out = DeviceArrays.read(network.device(), plan.address("out"), count);
    double[] v = new double[count];
    for (int i = 0; i < count; i++) {
      v[i] = out[i];
    }
    return v;
  }

  /** Evaluations so far. */
  public int evaluations() {
    return evaluations;
  }

  @Override
  public void close() {
    inputs.close();
    plan.close();
  }
}
