package org.halfstep.latent;

import org.halfstep.device.HostView;
import org.halfstep.device.Owned;
import org.halfstep.graph.Plan;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.NetworkInputs;
import org.halfstep.text.TokenTable;

/** The inputs of a UNet with its text encoder: time, the tokens of a text, guidance strength. */
public final class TokenInputs implements NetworkInputs {
  private final Owned owned = new Owned();
  private final TokenTable texts;
  private final ScalarInputs scalars;
  private final HostView ids;

  /**
   * @param texts by their numbers, as long as the text encoder's sequences
   */
  public TokenInputs(Network<TextUNetConfig, ModelCard> network, Plan plan, TokenTable texts) {
    TextUNetPorts ports = network.architecture().ports(plan.graph());
    this.texts = texts;
    try {
      this.scalars =
          owned.add(
              new ScalarInputs(
                  plan, network.card().noiseSchedule(), ports.time(), ports.guidance()));
      this.ids =
          owned.add(
              plan.device()
                  .view(plan.address(ports.ids()), Integer.BYTES * plan.count(ports.ids())));
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  @Override
  public void set(int row, double time, int condition, double guidance) {
    scalars.set(row, time, guidance);
    texts.copy(condition, ids.memory(), (long) Integer.BYTES * row * texts.length());
  }

  @Override
  public void push() {
    scalars.push();
    ids.push();
  }

  @Override
  public void close() {
    owned.close();
  }
}
