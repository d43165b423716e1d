package org.halfstep.graph;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.graph.Parameter.Initializer;

/** The parameters of a graph, in declaration order, and where each lies in a slab of floats. */
final class ParameterLayout {
  /** Parameters start at multiples of this many floats, except inside a stack. */
  private static final int ALIGNMENT = 16;

  private final Map<String, Parameter> parameters = new LinkedHashMap<>();
  private long end;

  /** Declares one parameter. */
  Parameter declare(String name, Initializer initializer, int fanIn, List<Integer> shape) {
    end = aligned(end);
    return append(name, initializer, fanIn, shape);
  }

  /** Declares parameters that lie next to each other, as {@link Graph#stack} says. */
  Parameter stack(
      List<String> names, List<List<Integer>> shapes, Initializer initializer, int fanIn) {
    end = aligned(end);
    long start = end;
    List<Integer> row = row(shapes.getFirst());
    int total = 0;
    for (int i = 0; i < names.size(); i++) {
      if (!row(shapes.get(i)).equals(row)) {
        throw new IllegalArgumentException(
            names.get(i) + " " + shapes.get(i) + " does not fit below " + shapes.getFirst());
      }
      append(names.get(i), initializer, fanIn, shapes.get(i));
      total += shapes.get(i).getFirst();
    }
    List<Integer> whole = new ArrayList<>(List.of(total));
    whole.addAll(row);
    // No other's name: what is packed of it, and how it is computed, is found by that.
    String name = names.getFirst() + " and " + (names.size() - 1) + " more";
    return new Parameter(name, whole, initializer, fanIn, start);
  }

  /** All extents but the first, without the two of a kernel of one pixel. */
  private static List<Integer> row(List<Integer> shape) {
    boolean pixel = shape.size() == 4 && shape.get(2) == 1 && shape.get(3) == 1;
    return shape.subList(1, pixel ? 2 : shape.size());
  }

  private Parameter append(String name, Initializer initializer, int fanIn, List<Integer> shape) {
    Parameter parameter = new Parameter(name, shape, initializer, fanIn, end);
    if (parameters.putIfAbsent(name, parameter) != null) {
      throw new IllegalArgumentException("parameter " + name + " is declared twice");
    }
    end += parameter.size();
    return parameter;
  }

  Map<String, Parameter> byName() {
    return Collections.unmodifiableMap(parameters);
  }

  /** Floats of the slab, gaps included. */
  long floats() {
    return aligned(end);
  }

  /** Trainable numbers. */
  long count() {
    return parameters.values().stream().mapToLong(Parameter::size).sum();
  }

  private static long aligned(long floats) {
    return (floats + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }
}
