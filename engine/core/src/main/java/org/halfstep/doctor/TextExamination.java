package org.halfstep.doctor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import org.halfstep.latent.TextEncoder;

/** Whether the text encoder reads from left to right and answers with numbers of the usual size. */
final class TextExamination {
  private static final List<String> PROMPTS =
      List.of("", "a photograph of an astronaut riding a horse");
  private static final double LEAST_DEVIATION = 0.5;
  private static final double MOST_DEVIATION = 2;

  private TextExamination() {}

  /**
   * @return the contexts of no text and of a text, float32
   */
  static MemorySegment run(TextEncoder encoder, Arena arena, Consumer<Finding> findings) {
    long bytes = encoder.contextBytes();
    MemorySegment contexts = arena.allocate(PROMPTS.size() * bytes, Float.BYTES);
    encoder.encode(PROMPTS, contexts);
    long first = (long) Float.BYTES * encoder.width();
    boolean isCausal = contexts.asSlice(0, first).mismatch(contexts.asSlice(bytes, first)) < 0;
    boolean isEqual = contexts.asSlice(0, bytes).mismatch(contexts.asSlice(bytes, bytes)) < 0;
    findings.accept(
        Finding.certain(
            "text encoder: first state",
            isCausal,
            isCausal ? "the same for two texts" : "differs between two texts",
            "the same: a token sees those before it alone"));
    findings.accept(
        Finding.certain(
            "text encoder: two texts",
            !isEqual,
            isEqual ? "have the same context" : "have different contexts",
            "different contexts"));
    double[] moments = moments(contexts);
    findings.accept(
        Finding.certain(
            "text encoder: context",
            Double.isFinite(moments[1]),
            Double.isFinite(moments[1]) ? "finite" : "not finite",
            "finite"));
    findings.accept(
        Finding.estimated(
            "text encoder: deviation",
            moments[1] >= LEAST_DEVIATION && moments[1] <= MOST_DEVIATION,
            String.format(Locale.ROOT, "%.3f", moments[1]),
            LEAST_DEVIATION + " to " + MOST_DEVIATION));
    return contexts;
  }

  /** Mean and standard deviation of float32 numbers. */
  static double[] moments(MemorySegment numbers) {
    long count = numbers.byteSize() / Float.BYTES;
    double sum = 0;
    double squares = 0;
    for (long i = 0; i < count; i++) {
      double value = numbers.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      sum += value;
      squares += value * value;
    }
    double mean = sum / count;
    return new double[] {mean, Math.sqrt(squares / count - mean * mean)};
  }
}
