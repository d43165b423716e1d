package org.halfstep.graph;

import java.util.Set;
import org.halfstep.device.DataType;

/**
 * What a plan is for.
 *
 * @param batch samples per run
 * @param type storage type of activations
 * @param training whether there is a backward pass
 * @param inputGradients image inputs whose gradients are wanted
 * @param kept values that must survive the run, beside inputs and "out"
 * @param dropoutSeed seed of dropout masks
 * @param recomputes whether a training plan keeps only what crosses the graph's cuts and runs the
 *     ops between two of them once more on the way back: less memory, a third more work, the same
 *     gradients
 */
public record PlanOptions(
    int batch,
    DataType type,
    boolean training,
    Set<Value> inputGradients,
    Set<Value> kept,
    long dropoutSeed,
    boolean recomputes) {
  /** Most samples per run: twice the largest batch of a sampler, whose teachers need two rows. */
  public static final int MOST_BATCH = 1 << 17;

  public PlanOptions {
    if (batch < 1 || batch > MOST_BATCH) {
      throw new IllegalArgumentException(
          "batch must be from 1 to " + MOST_BATCH + ", got " + batch);
    }
    inputGradients = Set.copyOf(inputGradients);
    kept = Set.copyOf(kept);
  }

  public static PlanOptions inference(int batch) {
    return new PlanOptions(batch, DataType.F32, false, Set.of(), Set.of(), 0, false);
  }

  public static PlanOptions training(int batch, long dropoutSeed) {
    return new PlanOptions(batch, DataType.F32, true, Set.of(), Set.of(), dropoutSeed, false);
  }

  public PlanOptions withBatch(int samples) {
    return new PlanOptions(samples, type, training, inputGradients, kept, dropoutSeed, recomputes);
  }

  public PlanOptions withType(DataType newType) {
    return new PlanOptions(batch, newType, training, inputGradients, kept, dropoutSeed, recomputes);
  }

  public PlanOptions withInputGradients(Set<Value> inputs) {
    return new PlanOptions(batch, type, training, inputs, kept, dropoutSeed, recomputes);
  }

  public PlanOptions withKept(Set<Value> values) {
    return new PlanOptions(batch, type, training, inputGradients, values, dropoutSeed, recomputes);
  }

  public PlanOptions withRecomputation(boolean wanted) {
    return new PlanOptions(batch, type, training, inputGradients, kept, dropoutSeed, wanted);
  }
}
