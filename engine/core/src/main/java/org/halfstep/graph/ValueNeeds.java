package org.halfstep.graph;

/** What the ops of a graph ask of each of its values, by the values' numbers. */
final class ValueNeeds {
  private ValueNeeds() {}

  /** Values whose moments a group normalisation would use. */
  static boolean[] normalised(Graph graph) {
    boolean[] found = new boolean[graph.valueCount()];
    for (Op op : graph.ops()) {
      op.normalised().forEach(value -> found[value.id()] = true);
    }
    return found;
  }

  /**
   * Values whose gradients a plan forms: those that lie between a parameter, or an input whose
   * gradient is wanted, and the output. None in a plan for inference.
   */
  static boolean[] gradients(Graph graph, PlanOptions options) {
    boolean[] needed = new boolean[graph.valueCount()];
    if (!options.training()) {
      return needed;
    }
    for (Value input : graph.inputs()) {
      needed[input.id()] = options.inputGradients().contains(input);
    }
    for (Op op : graph.ops()) {
      boolean need = op.hasParameters();
      for (Value input : op.inputs()) {
        for (Value source : input.sources()) {
          need |= needed[source.id()];
        }
      }
      boolean passes = need && op.isDifferentiable();
      needed[op.output().id()] = passes;
      op.between().forEach(value -> needed[value.id()] = passes);
    }
    return needed;
  }
}
