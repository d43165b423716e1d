package org.halfstep.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.graph.Weights;

/** Weights that a network takes from another one. */
final class CopiedParameters {
  private CopiedParameters() {}

  /**
   * Gives a network all that it has in common with another one, and zero (or one) for what is new.
   *
   * @param table name of a parameter that may have rows which the other's has not: these are zero;
   *     null for none
   * @throws IllegalArgumentException when the shapes of a parameter differ otherwise
   */
  static void fill(ParameterSlab target, Weights source, String table) {
    for (Parameter parameter : target.graph().parameters().values()) {
      Parameter known = source.graph().parameters().get(parameter.name());
      if (known == null) {
        target.set(parameter, Initialization.values(parameter, 0));
      } else if (parameter.name().equals(table) && isWidened(known, parameter)) {
        target.set(parameter, widened(source, known, parameter));
      } else if (!known.shape().equals(parameter.shape())) {
        throw new IllegalArgumentException(
            parameter + " cannot take the values of " + known + ": the shapes differ");
      } else {
        copy((_, numbers) -> source.copy(known, numbers), parameter, target);
      }
    }
  }

  /** Gives one parameter its numbers. */
  static void copy(ParameterFile.Numbers source, Parameter parameter, ParameterSlab target) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment numbers = arena.allocate(Float.BYTES * parameter.size(), Float.BYTES);
      source.copy(parameter, numbers);
      target.set(parameter, numbers);
    }
  }

  private static boolean isWidened(Parameter known, Parameter wanted) {
    int rank = wanted.shape().size();
    return known.shape().size() == rank
        && known.shape().subList(1, rank).equals(wanted.shape().subList(1, rank))
        && known.shape().getFirst() <= wanted.shape().getFirst();
  }

  private static float[] widened(Weights source, Parameter known, Parameter wanted) {
    float[] numbers = new float[Math.toIntExact(wanted.size())];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment rows = arena.allocate(Float.BYTES * known.size(), Float.BYTES);
      source.copy(known, rows);
      MemorySegment.copy(
          rows, ValueLayout.JAVA_FLOAT, 0, numbers, 0, Math.toIntExact(known.size()));
    }
    return numbers;
  }
}
