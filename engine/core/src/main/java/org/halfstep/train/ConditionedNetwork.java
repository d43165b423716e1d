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
   * @throws IllegalArgumentException in one line, where they are not as many
   */
  void requireConditions(Examples examples);

  /**
   * The inputs of a plan of this network, beside the noised image.
   *
   * @return closed by the caller
   */
  NetworkInputs inputs(Plan plan);
}
