package org.halfstep.latent;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.IntConsumer;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.TextEncoderDescription;
import org.halfstep.device.Device;
import org.halfstep.files.DataException;
import org.halfstep.files.FileDigest;
import org.halfstep.safetensors.ComputedTensor;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.safetensors.TensorView;
import org.halfstep.text.TokenTable;
import org.halfstep.text.Tokenizer;

/**
 * The contexts that a text encoder which does not change makes of all texts, by their numbers, and
 * of the empty one behind them, kept in one file in float16, so that training never encodes. A
 * cache is one of an encoder and of tokens: with others it is refused.
 *
 * <p>The file stays mapped. Reading allocates nothing, and any thread may read.
 */
public final class ContextCache implements AutoCloseable {
  private static final String FORMAT = "halfstep-contexts-1";
  private static final String CONTEXTS = "contexts";
  private static final int AXES = 3;

  /** Texts that are encoded at once. */
  private static final int AT_ONCE = 16;

  /** Largest finite number of float16. */
  private static final float LARGEST = 65504;

  private static final ValueLayout.OfShort F16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final SafetensorsFile file;
  private final MemorySegment contexts;
  private final int texts;
  private final int tokens;
  private final int width;
  private final String sha256;

  private ContextCache(SafetensorsFile file, TensorView contexts, String sha256) {
    long[] shape = contexts.shape();
    this.file = file;
    this.contexts = contexts.data();
    this.texts = Math.toIntExact(shape[0] - 1);
    this.tokens = Math.toIntExact(shape[1]);
    this.width = Math.toIntExact(shape[2]);
    this.sha256 = sha256;
  }

  /**
   * Opens a cache, and makes it first where there is none.
   *
   * @param encoder of contexts as long as its positions
   * @param tokenizer of the same model
   * @param progress hears how many texts are encoded
   * @throws IOException in one line, when the file is a cache of something else, or contexts cannot
   *     be kept
   */
  public static ContextCache openOrMake(
      Path path,
      Device device,
      Component encoder,
      Tokenizer tokenizer,
      List<String> texts,
      IntConsumer progress)
      throws IOException {
    TextEncoderDescription text = (TextEncoderDescription) encoder.network();
    String tokens = TokenTable.of(tokenizer, texts, text.positions()).sha256();
    Map<String, String> facts =
        Map.of("format", FORMAT, "encoder", encoder.sha256(), "tokens", tokens);
    long[] shape = {texts.size() + 1L, text.positions(), text.width()};
    if (!Files.exists(path)) {
      try (TextPass pass = TextPass.open(device, encoder, TextEncoderOptions.standard(), AT_ONCE)) {
        Writing writing = new Writing(pass, tokenizer, texts, progress);
        SafetensorsWriter.write(
            path, List.of(new ComputedTensor(CONTEXTS, Dtype.F16, shape, writing::fill)), facts);
      }
    }
    return open(path, facts, shape);
  }

  private static ContextCache open(Path path, Map<String, String> facts, long... shape)
      throws IOException {
    SafetensorsFile file = SafetensorsFile.open(path);
    try {
      if (!FORMAT.equals(file.metadata().get("format"))) {
        throw new DataException(path, "is no file of contexts: expected " + FORMAT);
      }
      for (Map.Entry<String, String> fact : facts.entrySet()) {
        if (!fact.getValue().equals(file.metadata().get(fact.getKey()))) {
          throw new DataException(
              path,
              "holds contexts of other "
                  + (fact.getKey().equals("tokens") ? "captions" : "text encoders")
                  + ": delete it to have it made again, or use another folder");
        }
      }
      TensorView contexts =
          file.find(CONTEXTS)
              .orElseThrow(() -> new DataException(path, "has no tensor " + CONTEXTS));
      if (contexts.dtype() != Dtype.F16
          || contexts.shape().length != AXES
          || !Arrays.equals(contexts.shape(), shape)
          || contexts.firstNotFinite() >= 0) {
        throw new DataException(
            path,
            contexts
                + ": expected finite numbers of F16, a context for each text and one for none");
      }
      return new ContextCache(file, contexts, FileDigest.sha256(path));
    } catch (IOException | RuntimeException failure) {
      file.close();
      throw failure;
    }
  }

  /** Encodes texts as they are written, some at once. */
  private static final class Writing {
    private final TextPass pass;
    private final Tokenizer tokenizer;
    private final List<String> texts;
    private final IntConsumer progress;
    private final short[] numbers;
    private int next;
    private int taken;

    Writing(TextPass pass, Tokenizer tokenizer, List<String> texts, IntConsumer progress) {
      this.pass = pass;
      this.tokenizer = tokenizer;
      this.texts = texts;
      this.progress = progress;
      this.numbers = new short[Math.toIntExact(AT_ONCE * pass.contextBytes() / Float.BYTES)];
      this.taken = numbers.length;
    }

    void fill(long offset, MemorySegment target) {
      for (long at = 0; at < target.byteSize(); at += Short.BYTES) {
        if (taken == numbers.length) {
          encode();
          taken = 0;
        }
        target.set(F16, at, numbers[taken++]);
      }
    }

    private void encode() {
      int rows = Math.min(AT_ONCE, texts.size() + 1 - next);
      for (int row = 0; row < AT_ONCE; row++) {
        int text = next + Math.min(row, rows - 1);
        String said = text == texts.size() ? "" : texts.get(text);
        pass.set(row, tokenizer.sequence(said, pass.text().positions()));
      }
      pass.run();
      int each = numbers.length / AT_ONCE;
      for (int row = 0; row < rows; row++) {
        MemorySegment context = pass.context(row);
        for (int i = 0; i < each; i++) {
          float number = context.getAtIndex(ValueLayout.JAVA_FLOAT, i);
          if (!(Math.abs(number) <= LARGEST)) {
            throw new IllegalArgumentException(
                "the text encoder says " + number + ", which float16 does not hold");
          }
          numbers[row * each + i] = Float.floatToFloat16(number);
        }
      }
      next += rows;
      progress.accept(Math.min(next, texts.size()));
    }
  }

  /** How many texts there are, without the empty one, which has this number. */
  public int texts() {
    return texts;
  }

  /** Tokens of a context, padding included. */
  public int tokens() {
    return tokens;
  }

  /** Numbers of each. */
  public int width() {
    return width;
  }

  /** SHA-256 of the file, in hexadecimal: a run goes on with the same contexts only. */
  public String sha256() {
    return sha256;
  }

  /**
   * Writes the context of a text, float32. Does not allocate.
   *
   * @param text its number; {@link #texts} for the empty one
   * @throws IllegalArgumentException if there is no such text
   */
  void copy(int text, MemorySegment destination, long byteOffset) {
    if (text < 0 || text > texts) {
      throw new IllegalArgumentException(
          "the numbers of texts run from 0 to " + texts + ", the empty one's, got " + text);
    }
    int each = tokens * width;
    long first = (long) Short.BYTES * text * each;
    for (int i = 0; i < each; i++) {
      float number = Float.float16ToFloat(contexts.get(F16, first + (long) Short.BYTES * i));
      destination.set(ValueLayout.JAVA_FLOAT, byteOffset + (long) Float.BYTES * i, number);
    }
  }

  @Override
  public void close() {
    file.close();
  }
}
