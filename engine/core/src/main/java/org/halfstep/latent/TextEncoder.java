package org.halfstep.latent;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.TextDescription;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Owned;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.text.ClipTokenizer;
import org.halfstep.text.PromptNotices;

/**
 * Prompts in, contexts of a UNet out: a tokenizer and {@link ClipTextConfig} with weights. The
 * context of a prompt is a vector for each of its tokens, padding included, and does not depend on
 * what else is encoded. What stands for no prompt in guidance is the context of the empty prompt,
 * or of a negative one. Not for use by several threads at once.
 */
public final class TextEncoder implements AutoCloseable {
  private final Owned owned = new Owned();
  private final Device device;
  private final ClipTokenizer tokenizer;
  private final TextDescription text;
  private final Plan plan;
  private final HostView ids;
  private final HostView context;

  private TextEncoder(
      Network<ClipTextConfig, ComponentCard> network,
      ClipTokenizer tokenizer,
      TextEncoderOptions options) {
    this.device = network.device();
    this.text = network.architecture().network();
    this.tokenizer = tokenizer;
    owned.add(network);
    try {
      PlanOptions one = PlanOptions.inference(1).withType(options.precision());
      plan = owned.add(Plan.inference(device, network.graph(), one, network.values()));
      plan.prepare();
      ClipTextPorts ports = network.architecture().ports(network.graph());
      ids =
          owned.add(
              device.view(plan.address(ports.ids()), Integer.BYTES * plan.count(ports.ids())));
      context =
          owned.add(device.view(plan.address(ports.out()), Float.BYTES * plan.count(ports.out())));
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  /**
   * Opens the text encoder of a checkpoint.
   *
   * @param device stays the caller's
   * @param component a text encoder; its checkpoint stays open as long as this
   * @param tokenizer of the same model; where its files name no padding, it gets that of the
   *     encoder
   * @throws IOException in one line that names the file and what is wrong with it
   * @throws IllegalArgumentException in one line, when they do not fit
   */
  public static TextEncoder open(
      Device device, Component component, ClipTokenizer tokenizer, TextEncoderOptions options)
      throws IOException {
    if (!(component.network() instanceof TextDescription text)) {
      throw new IllegalArgumentException(
          component.tensors().origin() + ": is not a text encoder but another part of a model");
    }
    if (tokenizer.size() > text.vocabulary()) {
      throw new IllegalArgumentException(
          "the tokenizer has "
              + tokenizer.size()
              + " entries, but the text encoder a table of "
              + text.vocabulary()
              + ": they belong to different models");
    }
    ClipTextConfig config = new ClipTextConfig(text, options.skipped(), 0);
    ComponentCard card =
        new ComponentCard("CLIP text encoder", Map.of("file", component.tensors().origin()));
    return new TextEncoder(
        Network.open(device, config, card, component.tensors(), config.names(), options.memory()),
        text.padded(tokenizer),
        options);
  }

  /** Positions of a context. */
  public int tokens() {
    return text.positions();
  }

  /** Numbers of each. */
  public int width() {
    return text.width();
  }

  /** Bytes of one prompt's context, float32. */
  public long contextBytes() {
    return (long) Float.BYTES * tokens() * width();
  }

  /** Lines about what of a prompt is not used: what does not fit, weights, embeddings. */
  public List<String> notices(String prompt) {
    return PromptNotices.of(prompt, tokenizer.sequence(prompt, tokens()));
  }

  /**
   * Writes the contexts of prompts to host memory.
   *
   * @param contexts float32 {@code [prompts, tokens, width]}, {@link #contextBytes} each
   */
  public void encode(List<String> prompts, MemorySegment contexts) {
    if (contexts.byteSize() != prompts.size() * contextBytes()) {
      throw new IllegalArgumentException(
          "contexts of "
              + prompts.size()
              + " prompts take "
              + prompts.size() * contextBytes()
              + " bytes, got "
              + contexts.byteSize());
    }
    encode(
        prompts,
        (row, from) -> MemorySegment.copy(from, 0, contexts, row * contextBytes(), contextBytes()));
  }

  /**
   * Writes the contexts of prompts to memory of the device, such as a plan's input.
   *
   * @param address of float32 {@code [prompts, tokens, width]}
   */
  public void encode(List<String> prompts, long address) {
    encode(
        prompts,
        (row, from) -> device.upload(from, address + row * contextBytes(), contextBytes()));
  }

  /** Takes a context of host memory to where it belongs. */
  @FunctionalInterface
  private interface Delivery {
    void write(int row, MemorySegment context);
  }

  private synchronized void encode(List<String> prompts, Delivery delivery) {
    Map<String, List<Integer>> rows = new LinkedHashMap<>();
    for (int row = 0; row < prompts.size(); row++) {
      rows.computeIfAbsent(prompts.get(row), _ -> new ArrayList<>()).add(row);
    }
    device.attach();
    rows.forEach(
        (prompt, places) -> {
          int[] numbers = tokenizer.sequence(prompt, tokens()).ids();
          MemorySegment.copy(numbers, 0, ids.memory(), ValueLayout.JAVA_INT, 0, numbers.length);
          ids.push();
          plan.forward();
          context.pull();
          places.forEach(row -> delivery.write(row, context.memory()));
        });
  }

  @Override
  public synchronized void close() {
    owned.close();
  }
}
