package org.halfstep.latent;

import java.lang.foreign.ValueLayout;
import org.halfstep.device.HostView;
import org.halfstep.device.Owned;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.graph.Plan;
import org.halfstep.graph.Value;

/** The inputs of one number per row that latent UNets have: time, and guidance strength. */
final class ScalarInputs implements AutoCloseable {
  private final Owned owned = new Owned();
  private final NoiseSchedule schedule;
  private final HostView times;
  private final HostView guidances;

  /**
   * @param guidance null for a network without
   */
  ScalarInputs(Plan plan, NoiseSchedule schedule, Value time, Value guidance) {
    this.schedule = schedule;
    this.times = view(plan, time);
    this.guidances = guidance == null ? null : view(plan, guidance);
  }

  private HostView view(Plan plan, Value value) {
    return owned.add(plan.device().view(plan.address(value), (long) Float.BYTES * plan.batch()));
  }

  /** Sets a row: the network is told the number of the schedule's level, and w as it is. */
  void set(int row, double time, double guidance) {
    times.memory().setAtIndex(ValueLayout.JAVA_FLOAT, row, (float) schedule.timeInput(time));
    if (guidances != null) {
      guidances.memory().setAtIndex(ValueLayout.JAVA_FLOAT, row, (float) guidance);
    }
  }

  void push() {
    times.push();
    if (guidances != null) {
      guidances.push();
    }
  }

  @Override
  public void close() {
    owned.close();
  }
}
