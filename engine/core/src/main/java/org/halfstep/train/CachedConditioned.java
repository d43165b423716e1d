package org.halfstep.train;

import java.util.OptionalInt;
import org.halfstep.graph.Plan;
import org.halfstep.latent.CachedContextInputs;
import org.halfstep.latent.ContextCache;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.NetworkInputs;

/**
 * A latent UNet that is told a caption by what a text encoder once made of it.
 *
 * @param network stays the caller's
 * @param contexts of the captions by their numbers, and of none; stay the caller's
 */
public record CachedConditioned(Network<LatentUNetConfig, ModelCard> network, ContextCache contexts)
    implements ConditionedNetwork {
  @Override
  public OptionalInt without() {
    return OptionalInt.of(contexts.texts());
  }

  @Override
  public void requireConditions(Examples examples) {
    TextConditioned.requireCaptions(contexts.texts(), examples);
  }

  @Override
  public NetworkInputs inputs(Plan plan) {
    return new CachedContextInputs(network, plan, contexts);
  }
}
