package org.halfstep.model;

import java.util.Arrays;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.random.Philox;

/** How parameters start. */
public final class Initialization {
  private static final float SMALL_DEVIATION = 0.02f;

  private Initialization() {}

  /** Fresh parameters; the same seed gives the same numbers on any machine. */
  public static void fill(ParameterSlab weights, long seed) {
    int number = 0;
    for (Parameter parameter : weights.graph().parameters().values()) {
      weights.set(parameter, values(parameter, Philox.childSeed(seed, number++)));
    }
  }

  static float[] values(Parameter parameter, long seed) {
    float[] values = new float[Math.toIntExact(parameter.size())];
    switch (parameter.initializer()) {
      case ZERO -> {}
      case ONE -> Arrays.fill(values, 1);
      case NORMAL -> Philox.normal(seed, 0, 0, values);
      case SMALL_NORMAL -> {
        Philox.normal(seed, 0, 0, values);
        for (int i = 0; i < values.length; i++) {
          values[i] *= SMALL_DEVIATION;
        }
      }
      case FAN_IN_UNIFORM -> {
        Philox.uniform(seed, 0, 0, values);
        double bound = 1 / Math.sqrt(parameter.fanIn());
        for (int i = 0; i < values.length; i++) {
          values[i] = (float) ((2 * values[i] - 1) * bound);
        }
      }
    }
    return values;
  }
}
