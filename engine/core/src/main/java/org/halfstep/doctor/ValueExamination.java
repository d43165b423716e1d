package org.halfstep.doctor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import org.halfstep.checkpoint.Component;
import org.halfstep.safetensors.TensorView;

/** Whether weights can be a trained network's: finite, no matrix of zeros, norms near one. */
final class ValueExamination {
  /** Numbers looked at together. */
  private static final int CHUNK = 1 << 20;

  private static final double LEAST_NORM = 0.05;
  private static final double MOST_NORM = 5;
  private static final int MOST_NAMES = 3;

  private final Component component;
  private final MemorySegment chunk;
  private final List<String> notFinite = new ArrayList<>();
  private final List<String> zero = new ArrayList<>();
  private final List<String> norms = new ArrayList<>();

  private ValueExamination(Component component, MemorySegment chunk) {
    this.component = component;
    this.chunk = chunk;
  }

  static void run(Component component, Consumer<Finding> findings) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment chunk = arena.allocate((long) Float.BYTES * CHUNK, Float.BYTES);
      ValueExamination examination = new ValueExamination(component, chunk);
      for (Map.Entry<String, long[]> each : component.network().shapes().entrySet()) {
        examination.look(each.getKey(), each.getValue());
      }
      component.tensors().unload();
      examination.report(findings);
    }
  }

  private void look(String name, long[] shape) {
    TensorView tensor = component.tensors().find(name).orElseThrow();
    if (!tensor.dtype().isFloating()) {
      lookAtBytes(name, tensor.data());
      return;
    }
    long bytes = tensor.dtype().bytes();
    long count = tensor.elements();
    double sum = 0;
    boolean isFinite = true;
    boolean isZero = true;
    for (long from = 0; from < count; from += CHUNK) {
      int numbers = (int) Math.min(CHUNK, count - from);
      new TensorView(
              name,
              tensor.dtype(),
              new long[] {numbers},
              tensor.data().asSlice(from * bytes, numbers * bytes))
          .copyFloats(chunk, 0);
      for (int i = 0; i < numbers; i++) {
        float value = chunk.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        isFinite &= Float.isFinite(value);
        isZero &= value == 0;
        sum += value;
      }
    }
    if (!isFinite) {
      notFinite.add(name);
    }
    if (isZero && shape.length > 1) {
      zero.add(name);
    }
    boolean isNorm = shape.length == 1 && name.endsWith(".weight");
    double mean = Math.abs(sum / count);
    if (isNorm && !(mean >= LEAST_NORM && mean <= MOST_NORM)) {
      norms.add(String.format(Locale.ROOT, "%s (mean %.3g)", name, sum / count));
    }
  }

  /** An int8 weight: its scales were looked at when it was opened. */
  private void lookAtBytes(String name, MemorySegment bytes) {
    for (long i = 0; i < bytes.byteSize(); i++) {
      if (bytes.get(ValueLayout.JAVA_BYTE, i) != 0) {
        return;
      }
    }
    zero.add(name);
  }

  private void report(Consumer<Finding> findings) {
    String part = component.part().title();
    findings.accept(
        Finding.certain(
            part + ": finite numbers",
            notFinite.isEmpty(),
            notFinite.isEmpty() ? "all are" : some(notFinite) + " are not",
            "no NaN, nothing infinite"));
    findings.accept(
        Finding.estimated(
            part + ": matrices of zeros",
            zero.isEmpty(),
            zero.isEmpty() ? "none" : some(zero),
            "none: layers start at zero and leave it in training"));
    findings.accept(
        Finding.estimated(
            part + ": weights of norms",
            norms.isEmpty(),
            norms.isEmpty() ? "all means in range" : some(norms),
            "means from " + LEAST_NORM + " to " + MOST_NORM));
  }

  private static String some(List<String> names) {
    int more = names.size() - MOST_NAMES;
    return String.join(", ", names.subList(0, Math.min(MOST_NAMES, names.size())))
        + (more > 0 ? " and " + more + " more" : "");
  }
}
