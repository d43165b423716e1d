package org.halfstep.latent;

import java.util.List;
import org.halfstep.device.HostView;
import org.halfstep.device.Launch;
import org.halfstep.device.Owned;
import org.halfstep.graph.Plan;
import org.halfstep.graph.Value;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.NetworkInputs;

/**
 * The inputs of a UNet whose contexts were made before: time, guidance strength, and the context of
 * a text by its number.
 */
public final class CachedContextInputs implements NetworkInputs {
  private final Owned owned = new Owned();
  private final ContextCache contexts;
  private final ScalarInputs scalars;
  private final HostView context;
  private final long contextBytes;
  private final List<Launch> launches;

  /**
   * @param plan of the UNet
   * @param contexts as long and as wide as the UNet's; they stay open while this lives
   */
  public CachedContextInputs(
      Network<LatentUNetConfig, ModelCard> network, Plan plan, ContextCache contexts) {
    LatentUNetPorts ports = network.architecture().ports(plan.graph());
    Value value = ports.context();
    this.contexts = contexts;
    this.contextBytes = (long) Float.BYTES * contexts.tokens() * contexts.width();
    if (Float.BYTES * plan.count(value) != plan.batch() * contextBytes) {
      throw new IllegalArgumentException(
          "contexts of "
              + contexts.tokens()
              + " tokens of "
              + contexts.width()
              + " numbers are not those of the UNet, "
              + value.shape());
    }
    try {
      this.scalars =
          owned.add(
              new ScalarInputs(
                  plan, network.card().noiseSchedule(), ports.time(), ports.guidance()));
      this.context =
          owned.add(plan.device().view(plan.address(value), plan.batch() * contextBytes));
      this.launches = List.of(plan.conditionSequence());
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  @Override
  public void set(int row, double time, int condition, double guidance) {
    scalars.set(row, time, guidance);
    contexts.copy(condition, context.memory(), row * contextBytes);
  }

  @Override
  public void push() {
    scalars.push();
    context.push();
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
