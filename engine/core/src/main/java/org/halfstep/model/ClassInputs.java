package org.halfstep.model;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.halfstep.device.HostView;
import org.halfstep.diffusion.GuidanceRange;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.graph.Plan;

/**
 * The inputs of a network of pixels: time, class and guidance strength, the latter over the largest
 * that the network knows.
 */
public final class ClassInputs implements NetworkInputs {
  private final NoiseSchedule schedule;
  private final HostView times;
  private final HostView labels;
  private final int labelRows;
  private final HostView guidances;
  private final GuidanceRange range;

  public ClassInputs(Network<UNetConfig, ModelCard> network, Plan plan) {
    UNetConfig config = network.architecture();
    UNetPorts ports = config.ports(plan.graph());
    schedule = network.card().noiseSchedule();
    long batch = plan.batch();
    times = plan.device().view(plan.address(ports.time()), Float.BYTES * batch);
    labels =
        config.isConditional()
            ? plan.device().view(plan.address(ports.labels()), Integer.BYTES * batch)
            : null;
    labelRows = config.labelRows();
    guidances =
        config.isGuided()
            ? plan.device().view(plan.address(ports.guidance()), Float.BYTES * batch)
            : null;
    range =
        guidances == null
            ? null
            : new GuidanceRange(network.card().guidanceMin(), network.card().guidanceMax());
  }

  /**
   * Sets one row.
   *
   * @param label class or null label; ignored by an unconditional network
   * @throws IllegalArgumentException if the network has no such label; a GPU could not say so
   */
  @Override
  public void set(int row, double time, int label, double guidance) {
    times.memory().setAtIndex(ValueLayout.JAVA_FLOAT, row, (float) schedule.timeInput(time));
    if (labels != null) {
      if (label < 0 || label >= labelRows) {
        throw new IllegalArgumentException(
            "this network's labels, with the null label if it has one, run from 0 to "
                + (labelRows - 1)
                + ", got "
                + label);
      }
      MemorySegment memory = labels.memory();
      memory.setAtIndex(ValueLayout.JAVA_INT, row, label);
    }
    if (guidances != null) {
      MemorySegment memory = guidances.memory();
      memory.setAtIndex(ValueLayout.JAVA_FLOAT, row, (float) range.networkInput(guidance));
    }
  }

  @Override
  public void push() {
    times.push();
    if (labels != null) {
      labels.push();
    }
    if (guidances != null) {
      guidances.push();
    }
  }

  @Override
  public void close() {
    times.close();
    if (labels != null) {
      labels.close();
    }
    if (guidances != null) {
      guidances.close();
    }
  }
}
