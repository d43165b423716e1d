package org.halfstep.graph;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Which ops depend on condition inputs alone, so that once per request is often enough. */
final class Conditions {
  private Conditions() {}

  /** Those ops, in execution order. */
  static List<Op> of(Graph graph) {
    Set<Value> known = new HashSet<>(graph.conditions());
    List<Op> found = new ArrayList<>();
    for (Op op : graph.ops()) {
      boolean all = op.inputs().stream().allMatch(value -> known.containsAll(value.sources()));
      if (all && !op.draws()) {
        known.add(op.output());
        found.add(op);
      }
    }
    return found;
  }
}
