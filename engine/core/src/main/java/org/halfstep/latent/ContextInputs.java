package org.halfstep.latent;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.device.Slab;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.NetworkInputs;
import org.halfstep.text.TokenTable;

/**
 * The inputs of a UNet whose text encoder is no part of it and does not change: time, guidance
 * strength, and the context of a text, which the encoder makes of its tokens before each pass.
 * Where two plans are told the same texts, a student's and its teacher's, it makes them once for
 * both.
 */
public final class ContextInputs implements NetworkInputs {
  private final Owned owned = new Owned();
  private final TokenTable texts;
  private final ScalarInputs scalars;
  private final Operations operations;
  private final Network<ClipTextConfig, ?> encoder;
  private final Plan encoding;
  private final ClipTextPorts ports;

  /** The tokens of each row; null where another plan's contexts are taken. */
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
    Device device = plan.device();
    this.texts = texts;
    this.encoder = encoder;
    this.ports = encoder.architecture().ports(encoder.graph());
    try {
      this.scalars = owned.add(scalars(network, plan));
      this.encoding =
          owned.add(
              Plan.inference(
                  device, encoder.graph(), PlanOptions.inference(plan.batch()), encoder.values()));
      encoding.prepare();
      this.ids =
          owned.add(
              device.view(
                  encoding.address(ports.ids()), Integer.BYTES * encoding.count(ports.ids())));
      this.operations = owned.add(device.operations());
      this.launches =
          List.of(
              encoding.forwardSequence(),
              toContext(network, plan, encoding.address(ports.out()), 0, plan.batch()),
              plan.conditionSequence());
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  /**
   * Those of a plan whose first rows are told what the rows of another plan are, whose launches run
   * before; the rows after them are told one text, always.
   *
   * @param plan of the UNet, on the other's stream, with at least as many rows
   * @param first the other's inputs; they stay open while this lives
   * @param rest the number of that one text
   */
  public ContextInputs(
      Network<LatentUNetConfig, ModelCard> network, Plan plan, ContextInputs first, int rest) {
    int known = first.encoding.batch();
    if (plan.device() != first.encoding.device() || plan.batch() < known) {
      throw new IllegalArgumentException(
          "contexts of "
              + known
              + " rows are not those of the first of "
              + plan.batch()
              + " rows of a plan of this stream");
    }
    this.texts = first.texts;
    this.encoder = first.encoder;
    this.encoding = first.encoding;
    this.ports = first.ports;
    this.ids = null;
    try {
      this.scalars = owned.add(scalars(network, plan));
      this.operations = owned.add(plan.device().operations());
      List<Launch> copies = new ArrayList<>();
      copies.add(toContext(network, plan, encoding.address(ports.out()), 0, known));
      if (plan.batch() > known) {
        long kept = first.encode(rest, owned);
        for (int row = known; row < plan.batch(); row += known) {
          int rows = Math.min(known, plan.batch() - row);
          copies.add(toContext(network, plan, kept, row, rows));
        }
      }
      copies.add(plan.conditionSequence());
      this.launches = List.copyOf(copies);
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  private static ScalarInputs scalars(Network<LatentUNetConfig, ModelCard> network, Plan plan) {
    LatentUNetPorts ports = network.architecture().ports(plan.graph());
    return new ScalarInputs(plan, network.card().noiseSchedule(), ports.time(), ports.guidance());
  }

  private Launch toContext(
      Network<LatentUNetConfig, ModelCard> network, Plan plan, long from, int row, int rows) {
    long values = encoding.count(ports.out()) / encoding.batch();
    long context = plan.address(network.architecture().ports(plan.graph()).context());
    return operations.convert(
        from, DataType.F32, context + Float.BYTES * row * values, DataType.F32, rows * values);
  }

  /**
   * Encodes one text in every row, and keeps that.
   *
   * @return address of the contexts, in memory of that owner
   */
  private long encode(int text, Owned owner) {
    Slab kept =
        owner.add(
            encoding
                .device()
                .allocate("contexts of no text", Float.BYTES * encoding.count(ports.out())));
    for (int row = 0; row < encoding.batch(); row++) {
      texts.copy(text, ids.memory(), (long) Integer.BYTES * row * texts.length());
    }
    ids.push();
    encoding.forward();
    operations
        .convert(
            encoding.address(ports.out()),
            DataType.F32,
            kept.address(),
            DataType.F32,
            encoding.count(ports.out()))
        .run();
    return kept.address();
  }

  /** Whether contexts come of an encoder and of texts. */
  public boolean isOf(Network<ClipTextConfig, ?> otherEncoder, TokenTable otherTexts) {
    return encoder == otherEncoder && texts == otherTexts;
  }

  @Override
  public void set(int row, double time, int condition, double guidance) {
    scalars.set(row, time, guidance);
    if (ids != null) {
      texts.copy(condition, ids.memory(), (long) Integer.BYTES * row * texts.length());
    }
  }

  @Override
  public void push() {
    scalars.push();
    if (ids != null) {
      ids.push();
    }
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
