package org.halfstep.train;

import java.util.OptionalInt;
import org.halfstep.graph.Plan;
import org.halfstep.model.ClassInputs;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.NetworkInputs;
import org.halfstep.model.UNetConfig;

/**
 * A network of pixels that is told a class, or nothing.
 *
 * @param network stays the caller's
 */
public record ClassConditioned(Network<UNetConfig, ModelCard> network)
    implements ConditionedNetwork {
  @Override
  public OptionalInt without() {
    UNetConfig config = network.architecture();
    return config.nullLabel() ? OptionalInt.of(config.numClasses()) : OptionalInt.empty();
  }

  @Override
  public void requireConditions(Examples examples) {
    UNetConfig config = network.architecture();
    if (config.isConditional() && examples.conditions() != config.numClasses()) {
      throw new IllegalArgumentException(
          "the network has " + config.numClasses() + " classes, the data " + examples.conditions());
    }
  }

  @Override
  public NetworkInputs inputs(Plan plan) {
    return new ClassInputs(network, plan);
  }
}
