package org.halfstep.train;

import java.util.OptionalInt;
import org.halfstep.graph.Plan;
import org.halfstep.latent.TextUNetConfig;
import org.halfstep.latent.TokenInputs;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.NetworkInputs;
import org.halfstep.text.TokenTable;

/**
 * A latent UNet that is told a caption, and whose text encoder is trained with it.
 *
 * @param network stays the caller's
 * @param captions by their numbers; the empty one stands for none
 */
public record TextConditioned(Network<TextUNetConfig, ModelCard> network, TokenTable captions)
    implements ConditionedNetwork {
  public TextConditioned {
    int positions = network.architecture().text().positions();
    if (captions.length() != positions) {
      throw new IllegalArgumentException(
          "the text encoder takes "
              + positions
              + " tokens, the captions have "
              + captions.length());
    }
  }

  @Override
  public OptionalInt without() {
    return OptionalInt.of(captions.texts());
  }

  @Override
  public void requireConditions(Examples examples) {
    requireCaptions(captions.texts(), examples);
  }

  /**
   * Fails where examples have more captions than there are; held-out ones may stand behind theirs.
   */
  static void requireCaptions(int captions, Examples examples) {
    if (examples.conditions() > captions) {
      throw new IllegalArgumentException(
          "the network is told " + captions + " captions, the data has " + examples.conditions());
    }
  }

  @Override
  public NetworkInputs inputs(Plan plan) {
    return new TokenInputs(network, plan, captions);
  }
}
