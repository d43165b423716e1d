package org.halfstep.train;

import java.util.OptionalInt;
import org.halfstep.graph.Plan;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.latent.TableInputs;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.NetworkInputs;

/**
 * A latent UNet that is told a class, a row of its table of classes. The last row stands for none.
 *
 * @param network stays the caller's
 */
public record TableConditioned(Network<LatentUNetConfig, ModelCard> network)
    implements ConditionedNetwork {
  @Override
  public OptionalInt without() {
    return OptionalInt.of(classes());
  }

  private int classes() {
    return network.architecture().network().classRows() - 1;
  }

  @Override
  public void requireConditions(Examples examples) {
    if (examples.conditions() != classes()) {
      throw new IllegalArgumentException(
          "the network has " + classes() + " classes, the data " + examples.conditions());
    }
  }

  @Override
  public NetworkInputs inputs(Plan plan) {
    return new TableInputs(network, plan);
  }
}
