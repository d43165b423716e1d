package org.halfstep.latent;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.halfstep.checkpoint.TextEncoderDescription;

/**
 * A vector for each text, of the states of a text encoder that does not change: the mean over the
 * text's own tokens with its start and end, and behind it the state of the end. Padding does not
 * count.
 */
public final class TextVectors implements AutoCloseable {
  private final TextEncoder encoder;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment states;

  /**
   * @param encoder stays the caller's
   */
  public TextVectors(TextEncoder encoder) {
    this.encoder = encoder;
    this.states = arena.allocate(encoder.contextBytes(), Float.BYTES);
  }

  /** Numbers of a vector of a text encoder. */
  public static int width(TextEncoderDescription encoder) {
    return 2 * encoder.width();
  }

  /** Numbers of a vector. */
  public int width() {
    return 2 * encoder.width();
  }

  /** Whether a text has more tokens than the encoder reads. */
  public boolean cuts(String text) {
    return encoder.cuts(text);
  }

  /**
   * Writes a text's vector.
   *
   * @param to at least {@code offset + width} numbers
   */
  public void write(String text, float[] to, int offset) {
    encoder.encode(List.of(text), states);
    int used = encoder.used(text);
    int width = encoder.width();
    for (int i = 0; i < width; i++) {
      double sum = 0;
      for (int token = 0; token < used; token++) {
        sum += states.getAtIndex(ValueLayout.JAVA_FLOAT, (long) token * width + i);
      }
      to[offset + i] = (float) (sum / used);
      to[offset + width + i] =
          states.getAtIndex(ValueLayout.JAVA_FLOAT, (long) (used - 1) * width + i);
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
