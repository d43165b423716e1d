package org.halfstep.bench;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.Value;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;

/** An inference plan of a peer network with its inputs filled. */
final class ForwardPass implements AutoCloseable {
  private final Network<UNetConfig, ModelCard> network;
  private final Plan plan;

  /** A pass in float32. */
  ForwardPass(Device device, PeerNetwork which, int batch) throws IOException {
    this(device, which, batch, DataType.F32);
  }

  ForwardPass(Device device, PeerNetwork which, int batch, DataType precision) throws IOException {
    this(device, which.open(device), batch, precision);
  }

  private ForwardPass(
      Device device, Network<UNetConfig, ModelCard> opened, int batch, DataType precision) {
    network = opened;
    plan =
        Plan.inference(
            device,
            network.graph(),
            PlanOptions.inference(batch).withType(precision),
            network.values());
    PeerInputs.fill(plan, network.architecture());
    plan.prepare();
  }

  /** A pass of the same network in int8. */
  static ForwardPass int8(Device device, PeerNetwork which, int batch) throws IOException {
    return new ForwardPass(device, which.openInt8(device), batch, DataType.F32);
  }

  void run() {
    plan.forward();
    plan.device().synchronize();
  }

  Plan plan() {
    return plan;
  }

  /** The output in the peers' order: sample, channel, row, column. */
  float[] output() {
    int channels = network.architecture().outChannels();
    Value output = network.architecture().ports(plan.graph()).out();
    int count = Math.toIntExact(plan.count(output));
    float[] values = new float[count];
    try (HostView out = plan.device().view(plan.address(output), (long) Float.BYTES * count)) {
      out.pull();
      for (int i = 0; i < count; i++) {
        long from = PeerInputs.channelsLast(i, channels, count / plan.batch());
        values[i] = out.memory().getAtIndex(ValueLayout.JAVA_FLOAT, from);
      }
    }
    return values;
  }

  @Override
  public void close() {
    plan.close();
    network.close();
  }
}
