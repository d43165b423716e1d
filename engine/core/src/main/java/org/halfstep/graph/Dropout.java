package org.halfstep.graph;

import java.util.List;

/**
 * Inverted dropout of one value in training, keyed by sample, draw and layer: the same call masks
 * the gradient on the way back.
 *
 * @param name what a profile calls it
 * @param probability in (0, 1)
 * @param layer keys its random numbers
 */
record Dropout(String name, float probability, int layer) {
  Dropout {
    if (!(probability > 0 && probability < 1)) {
      throw new IllegalArgumentException(
          "dropout probability must lie in [0, 1), got " + probability);
    }
  }

  /** The step from one buffer to the other. */
  void emit(PlanBuilder plan, Value x, Buffer from, Buffer to) {
    Buffer ids = plan.sampleIds();
    Buffer draw = plan.draw();
    plan.step(
        StepInfo.memory(name, "dropout", 2 * plan.bytes(x)),
        List.of(from, to, ids, draw),
        () ->
            plan.operations()
                .kernel("dropout")
                .with("n per_sample dtype", plan.batch(), x.shape().size(), plan.type(x))
                .with("x y p layer", from.address(), to.address(), probability, layer)
                .with("seed sample_ids", plan.options().dropoutSeed(), ids.address())
                .with("draw", draw.address()));
  }
}
