package org.halfstep.latent;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import org.halfstep.checkpoint.BertDescription;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.TextDescription;
import org.halfstep.checkpoint.TextEncoderDescription;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Owned;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.Value;
import org.halfstep.model.Architecture;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.text.TokenSequence;

/**
 * A text encoder that runs: the tokens of some texts in, their contexts out. A context of CLIP's
 * has its padding in it; BERT's kind does not see padding, and says zeros there, which no key of a
 * cross-attention finds anything in.
 */
final class TextPass implements AutoCloseable {
  private final Owned owned = new Owned();
  private final Device device;
  private final TextEncoderDescription text;
  private final Plan plan;
  private final HostView ids;
  private final HostView context;

  /** How many tokens come before the padding, of each text; null where padding is seen. */
  private final HostView lengths;

  private TextPass(
      Network<? extends Architecture, ComponentCard> network,
      TextEncoderDescription text,
      TextEncoderOptions options,
      int texts) {
    this.device = network.device();
    this.text = text;
    owned.add(network);
    try {
      PlanOptions rows = PlanOptions.inference(texts).withType(options.precision());
      plan = owned.add(Plan.inference(device, network.graph(), rows, network.values()));
      plan.prepare();
      switch (network.architecture()) {
        case ClipTextConfig clip -> {
          ClipTextPorts ports = clip.ports(network.graph());
          ids = ints(ports.ids());
          context = floats(ports.out());
          lengths = null;
        }
        case BertConfig bert -> {
          BertPorts ports = bert.ports(network.graph());
          ids = ints(ports.ids());
          context = floats(ports.out());
          lengths = ints(ports.lengths());
          fill(ports.places(), true);
          fill(ports.types(), false);
        }
        case Architecture other -> throw new IllegalArgumentException(other + ": reads no texts");
      }
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  /**
   * Opens the text encoder of a checkpoint.
   *
   * @param device stays the caller's
   * @param component its checkpoint stays open as long as this
   * @param texts that are encoded at once
   * @throws IOException in one line that names the file and what is wrong with it
   */
  static TextPass open(Device device, Component component, TextEncoderOptions options, int texts)
      throws IOException {
    String origin = component.tensors().origin();
    return switch (component.network()) {
      case TextDescription clip -> {
        ClipTextConfig config = new ClipTextConfig(clip, options.skipped(), 0);
        ComponentCard card = new ComponentCard("CLIP text encoder", Map.of("file", origin));
        yield new TextPass(
            Network.open(
                device, config, card, null, component.tensors(), config.names(), options.use()),
            clip,
            options,
            texts);
      }
      case BertDescription bert -> {
        if (options.skipped() > 0) {
          throw new IllegalArgumentException(
              origin + ": is no text encoder of CLIP's: layers cannot be skipped");
        }
        BertConfig config = new BertConfig(bert, bert.positions(), false);
        ComponentCard card = new ComponentCard("text encoder", Map.of("file", origin));
        yield new TextPass(
            Network.open(
                device, config, card, null, component.tensors(), bert.diffusers(), options.use()),
            bert,
            options,
            texts);
      }
      default ->
          throw new IllegalArgumentException(
              origin + ": is not a text encoder but another part of a model");
    };
  }

  private HostView ints(Value value) {
    return owned.add(device.view(plan.address(value), Integer.BYTES * plan.count(value)));
  }

  private HostView floats(Value value) {
    return owned.add(device.view(plan.address(value), Float.BYTES * plan.count(value)));
  }

  /** Gives every token its place, or 0. */
  private void fill(Value value, boolean counts) {
    HostView view = ints(value);
    for (long i = 0; i < plan.count(value); i++) {
      view.memory().setAtIndex(ValueLayout.JAVA_INT, i, counts ? (int) (i % text.positions()) : 0);
    }
    view.push();
  }

  TextEncoderDescription text() {
    return text;
  }

  /** Bytes of one context, float32. */
  long contextBytes() {
    return (long) Float.BYTES * text.positions() * text.width();
  }

  /** Sets the tokens of a text. */
  void set(int row, TokenSequence tokens) {
    int[] numbers = tokens.ids();
    long first = (long) Integer.BYTES * row * text.positions();
    MemorySegment.copy(numbers, 0, ids.memory(), ValueLayout.JAVA_INT, first, numbers.length);
    if (lengths != null) {
      lengths.memory().setAtIndex(ValueLayout.JAVA_INT, row, tokens.used());
    }
  }

  /** Makes contexts of all rows that were set. */
  void run() {
    ids.push();
    if (lengths != null) {
      lengths.push();
    }
    plan.forward();
    context.pull();
    if (lengths != null) {
      for (int row = 0; row < plan.batch(); row++) {
        int used = lengths.memory().getAtIndex(ValueLayout.JAVA_INT, row);
        long first = (long) Float.BYTES * used * text.width();
        context(row).asSlice(first).fill((byte) 0);
      }
    }
  }

  /** The context of a row, float32. */
  MemorySegment context(int row) {
    return context.memory().asSlice(row * contextBytes(), contextBytes());
  }

  @Override
  public void close() {
    owned.close();
  }
}
