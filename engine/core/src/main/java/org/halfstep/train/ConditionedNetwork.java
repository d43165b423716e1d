package org.halfstep.train;

import java.util.OptionalInt;
import org.halfstep.graph.Plan;
import org.halfstep.model.DiffusionArchitecture;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.NetworkInputs;

/**
 * A network with the way in which it is told the conditions of examples: what is trained, and what
 * teaches.
 */
public interface ConditionedNetwork {
  Network<? extends DiffusionArchitecture, ModelCard> network();

  /** The condition that stands for none; empty for a network that was never without. */
  OptionalInt without();

  /**
   * Compares the conditions that it knows with those of examples.
   *
   * @throws IllegalArgumentException in one line, where they are not as many, or of captions more
   */
  void requireConditions(Examples examples);

  /**
   * The inputs of a plan of this network, beside the noised image.
   *
   * @return closed by the caller
   */
  NetworkInputs inputs(Plan plan);

  /**
   * The same of a plan of a teacher, whose first rows have the conditions of the network that is
   * trained and whose other rows, if there are any, have none. What was computed of the conditions
   * once is not computed again.
   *
   * @param trained what that network is told, whose launches run before; null where nobody is
   * @return closed by the caller, before {@code trained}
   */
  default NetworkInputs inputs(Plan plan, NetworkInputs trained) {
    return inputs(plan);
  }
}
