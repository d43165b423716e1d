package org.halfstep.latent;

import java.lang.foreign.ValueLayout;
import java.util.List;
import org.halfstep.device.HostView;
import org.halfstep.device.Launch;
import org.halfstep.device.Owned;
import org.halfstep.graph.Plan;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.NetworkInputs;

/**
 * The inputs of a UNet with a table of classes: time, guidance strength, and a row of the table.
 */
public final class TableInputs implements NetworkInputs {
  private final Owned owned = new Owned();
  private final ScalarInputs scalars;
  private final HostView labels;
  private final int rows;
  private final List<Launch> launches;

  /**
   * @param plan of the UNet
   */
  public TableInputs(Network<LatentUNetConfig, ModelCard> network, Plan plan) {
    LatentUNetPorts ports = network.architecture().ports(plan.graph());
    this.rows = network.architecture().network().classRows();
    try {
      this.scalars =
          owned.add(
              new ScalarInputs(
                  plan, network.card().noiseSchedule(), ports.time(), ports.guidance()));
      this.labels =
          owned.add(
              plan.device()
                  .view(plan.address(ports.labels()), (long) Integer.BYTES * plan.batch()));
      this.launches = List.of(plan.conditionSequence());
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  /**
   * @throws IllegalArgumentException if the table has no such row; a GPU could not say so
   */
  @Override
  public void set(int row, double time, int condition, double guidance) {
    if (condition < 0 || condition >= rows) {
      throw new IllegalArgumentException(
          "this network's classes, with the one that stands for none, run from 0 to "
              + (rows - 1)
              + ", got "
              + condition);
    }
    scalars.set(row, time, guidance);
    labels.memory().setAtIndex(ValueLayout.JAVA_INT, row, condition);
  }

  @Override
  public void push() {
    scalars.push();
    labels.push();
  }

  @Override
  public List<Launch> launches() {
    return launches;
  }

  @Override
  public void close() {
    owned.close();
  }
}
