package org.halfstep.graph;

import java.util.List;

/**
 * Group normalisation with modulation and SiLU fused, as an op of its own; reads a concatenation in
 * place.
 */
final class GroupNormOp extends Op {
  private final GroupNorm norm;
  private final Quantizer quantizer;

  /**
   * @param quantizer null for an output in the input's storage type
   */
  GroupNormOp(GroupNorm norm, Quantizer quantizer) {
    super(norm.name(), norm.inputs());
    this.norm = norm;
    this.quantizer = quantizer;
  }

  @Override
  Shape outputShape() {
    return norm.x().shape();
  }

  @Override
  Value.Storage outputStorage() {
    return quantizer == null ? norm.x().storage() : Value.Storage.BYTES;
  }

  @Override
  boolean hasParameters() {
    return true;
  }

  @Override
  List<Value> normalised() {
    return norm.x().sources();
  }

  @Override
  Binding bind(PlanBuilder plan) {
    if (quantizer != null) {
      Quantizer.requireInference(plan);
    }
    GroupNormSteps steps = new GroupNormSteps(plan, norm, output(), quantizer);
    return new Binding() {
      @Override
      public void forward() {
        steps.normalise();
      }

      @Override
      public void backward() {
        steps.backward();
      }
    };
  }
}
