package org.halfstep.train;

import java.util.OptionalInt;
import org.halfstep.graph.Plan;
import org.halfstep.latent.ClipTextConfig;
import org.halfstep.latent.ContextInputs;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.NetworkInputs;
import org.halfstep.text.TokenTable;

/**
 * A latent UNet that is told a caption through a text encoder that does not change.
 *
 * @param network stays the caller's
 * @param encoder stays the caller's
 * @param captions by their numbers; the empty one stands for none
 */
public record ContextConditioned(
    Network<LatentUNetConfig, ModelCard> network,
    Network<ClipTextConfig, ?> encoder,
    TokenTable captions)
    implements ConditionedNetwork {
  @Override
  public OptionalInt without() {
    return OptionalInt.of(captions.texts());
  }

  @Override
  public void requireConditions(Examples examples) {
    TextConditioned.requireCaptions(captions.texts(), examples);
  }

  @Override
  public NetworkInputs inputs(Plan plan) {
    return new ContextInputs(network, plan, encoder, captions);
  }

  @Override
  public NetworkInputs inputs(Plan plan, NetworkInputs trained) {
    return trained instanceof ContextInputs known && known.isOf(encoder, captions)
        ? new ContextInputs(network, plan, known, captions.texts())
        : inputs(plan);
  }
}
