package org.halfstep.latent;

import java.util.List;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.NetworkInputs;
import org.halfstep.text.TokenTable;

/**
 * The inputs of a UNet whose text encoder is no part of it and does not change: time, guidance
 * strength, and the context of a text, which the encoder makes of its tokens before each pass.
 */
public final class ContextInputs implements NetworkInputs {
  private final Owned owned = new Owned();
  private final TokenTable texts;
  private final ScalarInputs scalars;
  private final HostView ids;
  private final List<Launch> launches;

  /**
   * @param plan of the UNet
   * @param encoder its weights must not change while this lives
   * @param texts by their numbers, as long as the encoder's sequences
   */
  public ContextInputs(
      Network<LatentUNetConfig, ModelCard> network,
      Plan plan,
      Network<ClipTextConfig, ?> encoder,
      TokenTable texts) {
    LatentUNetPorts ports = network.architecture().ports(plan.graph());
    Device device = plan.device();
    this.texts = texts;
    try {
      this.scalars =
          owned.add(
              new ScalarInputs(
                  plan, network.card().noiseSchedule(), ports.time(), ports.guidance()));
      Plan encoding =
          owned.add(
              Plan.inference(
                  device, encoder.graph(), PlanOptions.inference(plan.batch()), encoder.values()));
      encoding.prepare();
      ClipTextPorts text = encoder.architecture().ports(encoding.graph());
      this.ids =
          owned.add(
              device.view(
                  encoding.address(text.ids()), Integer.BYTES * encoding.count(text.ids())));
      Operations operations = owned.add(device.operations());
      this.launches =
          List.of(
              encoding.forwardSequence(),
              operations.convert(
                  encoding.address(text.out()),
                  DataType.F32,
                  plan.address(ports.context()),
                  DataType.F32,
                  encoding.count(text.out())),
              plan.conditionSequence());
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
  public List<Launch> launches() {
    return launches;
  }

  @Override
  public void close() {
    owned.close();
  }
}
