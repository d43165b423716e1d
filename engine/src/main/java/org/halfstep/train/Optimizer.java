package org.halfstep.train;

import java.lang.foreign.ValueLayout;
import org.halfstep.device.AdamStep;
import org.halfstep.device.Device;
import org.halfstep.device.HostWindow;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.device.Slab;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.ParameterSlab;

/**
 * Adam or AdamW with global-norm clipping and a moving average of the weights, each one pass over
 * one slab. Gradients that are not finite skip the update; several such updates in a row end the
 * training with the name of the first parameter concerned.
 */
public final class Optimizer implements AutoCloseable {
  /** Updates in a row that may be skipped before the run is given up. */
  static final int MAX_SKIPPED = 5;

  private final Owned owned = new Owned();
  private final OptimizerSettings settings;
  private final ParameterSlab weights;
  private final ParameterSlab gradients;
  private final ParameterSlab firstMoment;
  private final ParameterSlab secondMoment;
  private final ParameterSlab ema;
  private final Slab normSlab;
  private final HostWindow normWindow;
  private final Launch squareSum;
  private final Launch adam;
  private final AdamStep step = new AdamStep();
  private double lastNorm;
  private int skippedInARow;

  /**
   * @param weights updated in place; the moving average starts as a copy
   * @param gradients what a plan's backward pass wrote
   */
  public Optimizer(
      Device device,
      Operations operations,
      ParameterSlab weights,
      ParameterSlab gradients,
      OptimizerSettings settings) {
    this.settings = settings;
    this.weights = weights;
    this.gradients = gradients;
    Graph graph = weights.graph();
    try {
      firstMoment = owned.add(new ParameterSlab(device, graph, "first moment"));
      secondMoment = owned.add(new ParameterSlab(device, graph, "second moment"));
      ema =
          settings.hasEma() ? owned.add(new ParameterSlab(device, graph, "moving average")) : null;
      if (ema != null) {
        ema.copyFrom(weights);
      }
      normSlab = owned.add(device.allocate("gradient norm", Double.BYTES));
      normWindow = owned.add(device.window(normSlab.address(), Double.BYTES));
      squareSum = operations.squareSum(gradients.address(), normSlab.address(), gradients.floats());
      adam =
          operations.adam(
              step,
              weights.address(),
              gradients.address(),
              firstMoment.address(),
              secondMoment.address(),
              ema == null ? 0 : ema.address(),
              weights.floats());
      step.beta1 = settings.beta1();
      step.beta2 = settings.beta2();
      step.eps = settings.eps();
      step.weightDecay = settings.weightDecay();
      step.decoupled = settings.decoupled();
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  /**
   * One update from the gradients.
   *
   * @return whether the weights changed; false when the gradients were not finite
   * @throws DivergedException after {@value #MAX_SKIPPED} such updates in a row
   */
  public boolean update(double learningRate) {
    squareSum.run();
    normWindow.pull();
    lastNorm = Math.sqrt(normWindow.memory().get(ValueLayout.JAVA_DOUBLE, 0));
    if (!Double.isFinite(lastNorm)) {
      skippedInARow++;
      if (skippedInARow >= MAX_SKIPPED) {
        throw new DivergedException(
            "training diverged: "
                + skippedInARow
                + " updates in a row had gradients that are not finite, first in "
                + firstNonFinite()
                + "; lower the learning rate or resume from an earlier checkpoint");
      }
      return false;
    }
    skippedInARow = 0;
    step.step++;
    step.learningRate = learningRate;
    step.gradientScale =
        settings.clipNorm() > 0 && lastNorm > settings.clipNorm()
            ? (float) (settings.clipNorm() / lastNorm)
            : 1;
    // A young average forgets faster, so that it does not remember the first weights for long.
    step.emaDecay = Math.min(settings.emaDecay(), (1.0 + step.step) / (10.0 + step.step));
    adam.run();
    return true;
  }

  private String firstNonFinite() {
    for (Parameter parameter : gradients.graph().parameters().values()) {
      for (float value : gradients.get(parameter)) {
        if (!Float.isFinite(value)) {
          return parameter.name();
        }
      }
    }
    return "the sum of all gradients";
  }

  /** Norm of all gradients before clipping, at the last update. */
  public double lastGradientNorm() {
    return lastNorm;
  }

  /** Updates made. */
  public long updates() {
    return step.step;
  }

  /** Restores the count of a checkpoint. */
  public void setUpdates(long updates) {
    step.step = updates;
  }

  public ParameterSlab firstMoment() {
    return firstMoment;
  }

  public ParameterSlab secondMoment() {
    return secondMoment;
  }

  /** The moving average, or null when there is none. */
  public ParameterSlab ema() {
    return ema;
  }

  /** The weights that training ends with: their moving average where there is one. */
  public ParameterSlab result() {
    return ema == null ? weights : ema;
  }

  @Override
  public void close() {
    owned.close();
  }
}
