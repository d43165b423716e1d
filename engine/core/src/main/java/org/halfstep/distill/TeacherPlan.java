package org.halfstep.distill;

import java.util.List;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.DiffusionArchitecture;
import org.halfstep.model.DiffusionPorts;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.NetworkInputs;
import org.halfstep.train.ConditionedNetwork;
import org.halfstep.train.NoisedInput;
import org.halfstep.train.TrainingBatch;

/** A teacher bound to a training batch: what an objective evaluates to form its target. */
final class TeacherPlan implements AutoCloseable {
  private final Owned owned = new Owned();
  private final TrainingBatch batch;
  private final Plan plan;
  private final NetworkInputs inputs;
  private final Operations operations;
  private final DiffusionPorts ports;

  /**
   * The teacher's weights must not change while this lives.
   *
   * @param branches rows of the plan for each row of the batch
   */
  TeacherPlan(ConditionedNetwork conditioned, TrainingBatch batch, int branches) {
    Network<? extends DiffusionArchitecture, ModelCard> network = conditioned.network();
    this.batch = batch;
    try {
      PlanOptions options =
          PlanOptions.inference(branches * batch.size()).withType(batch.precision());
      this.plan =
          owned.add(Plan.inference(batch.device(), network.graph(), options, network.values()));
      plan.prepare();
      this.inputs = owned.add(conditioned.inputs(plan, batch.trained()));
      this.operations = owned.add(batch.device().operations());
      this.ports = network.architecture().ports(plan.graph());
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  /** What tells it times and conditions. */
  NetworkInputs inputs() {
    return inputs;
  }

  /** For launches beside its own. */
  Operations operations() {
    return operations;
  }

  /** Device address of what it predicts. */
  long out() {
    return plan.address(ports.out());
  }

  /** Device address of the images that it reads, where nothing is beside them. */
  long x() {
    return plan.address(ports.x());
  }

  /** Device address of its times. */
  long time() {
    return plan.address(ports.time());
  }

  /**
   * Launches that bring images to its rows.
   *
   * @param z device address of as many images as the batch has rows
   * @param branch which of the branches is filled
   */
  List<Launch> feed(long z, int branch) {
    return NoisedInput.of(operations, z, batch, plan, ports.x(), branch * batch.size());
  }

  /** One evaluation. */
  Launch evaluation() {
    return plan.forwardSequence();
  }

  @Override
  public void close() {
    owned.close();
  }
}
