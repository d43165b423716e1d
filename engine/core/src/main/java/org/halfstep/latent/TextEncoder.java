package org.halfstep.latent;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.TextDescription;
import org.halfstep.checkpoint.TextEncoderDescription;
import org.halfstep.device.Device;
import org.halfstep.text.ClipTokenizer;
import org.halfstep.text.PromptNotices;
import org.halfstep.text.Tokenizer;

/**
 * Prompts in, contexts of a UNet out: a tokenizer and a text encoder with weights, CLIP's or of
 * BERT's kind. The context of a prompt is a vector for each of its tokens, padding included, and
 * does not depend on what else is encoded. What stands for no prompt in guidance is the context of
 * the empty prompt, or of a negative one. Not for use by several threads at once.
 */
public final class TextEncoder implements AutoCloseable {
  private final Device device;
  private final Tokenizer tokenizer;
  private final TextPass pass;

  private TextEncoder(Device device, Tokenizer tokenizer, TextPass pass) {
    this.device = device;
    this.tokenizer = tokenizer;
    this.pass = pass;
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
      Device device, Component component, Tokenizer tokenizer, TextEncoderOptions options)
      throws IOException {
    if (!(component.network() instanceof TextEncoderDescription text)) {
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
    Tokenizer padded =
        text instanceof TextDescription clip && tokenizer instanceof ClipTokenizer words
            ? clip.padded(words)
            : tokenizer;
    return new TextEncoder(device, padded, TextPass.open(device, component, options, 1));
  }

  /** Positions of a context. */
  public int tokens() {
    return pass.text().positions();
  }

  /** Numbers of each. */
  public int width() {
    return pass.text().width();
  }

  /** Bytes of one prompt's context, float32. */
  public long contextBytes() {
    return pass.contextBytes();
  }

  /** Lines about what of a prompt is not used: what does not fit, weights, embeddings. */
  public List<String> notices(String prompt) {
    return PromptNotices.of(prompt, tokenizer.sequence(prompt, tokens()));
  }

  /** How many of a prompt's positions come before the padding: start, its own tokens, end. */
  public int used(String prompt) {
    return tokenizer.sequence(prompt, tokens()).used();
  }

  /** Whether a prompt has more tokens than there are positions. */
  public boolean cuts(String prompt) {
    return !tokenizer.sequence(prompt, tokens()).lost().isEmpty();
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
          pass.set(0, tokenizer.sequence(prompt, tokens()));
          pass.run();
          places.forEach(row -> delivery.write(row, pass.context(0)));
        });
  }

  @Override
  public synchronized void close() {
    pass.close();
  }
}
