package org.halfstep.train;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.halfstep.device.AdamSettings;
import org.halfstep.device.AdamValues;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.device.Sequence;
import org.halfstep.device.SlabLayout;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.random.Philox;

/**
 * Adam or AdamW with global-norm clipping and a moving average of the weights, each one pass over
 * one slab. Gradients that are not finite skip the update; several such updates in a row end the
 * training with the name of the first parameter concerned.
 */
public final class Optimizer implements AutoCloseable {
  /** Updates in a row that may be skipped before the run ends. */
  static final int MAX_SKIPPED = 5;

  private static final long ROUNDING_STREAM = 60;

  /** Room of the norm in front of its workspace, which keeps that aligned. */
  private final Owned owned = new Owned();

  private final OptimizerSettings settings;
  private final ParameterSlab weights;
  private final ParameterSlab gradients;
  private final GradientSum sum;
  private final List<MovingAverage> averages = new ArrayList<>();
  private final MomentSlab firstMoment;
  private final MomentSlab secondMoment;
  private final ParameterSlab ema;
  private final HostView normWindow;
  private final Launch squareSum;
  private final Launch adam;
  private final AdamValues values;
  private long updates;
  private double lastNorm;
  private int skippedInARow;

  /**
   * @param weights updated in place; moving averages start as copies
   * @param computed the gradients that a plan's backward pass writes
   * @param seed of the training: moments in bfloat16 are rounded by it and the number of the update
   */
  public Optimizer(
      Device device,
      Operations operations,
      ParameterSlab weights,
      ParameterSlab computed,
      OptimizerSettings settings,
      long seed) {
    this.settings = settings;
    this.weights = weights;
    Graph graph = weights.graph();
    DataType type = settings.momentType();
    try {
      firstMoment = owned.add(new MomentSlab(device, graph, type, "first moment"));
      secondMoment = owned.add(new MomentSlab(device, graph, type, "second moment"));
      ema =
          settings.hasEma() ? owned.add(new ParameterSlab(device, graph, "moving average")) : null;
      if (ema != null) {
        ema.copyFrom(weights);
      }
      for (double decay : settings.furtherAverages()) {
        averages.add(owned.add(new MovingAverage(device, operations, weights, decay)));
      }
      sum =
          settings.parts() == null
              ? null
              : owned.add(new GradientSum(device, operations, computed, settings.parts()));
      gradients = sum == null ? computed : sum.total();
      long workspaceBytes = operations.squareSumWorkspaceBytes(gradients.floats());
      SlabLayout sums = new SlabLayout();
      SlabLayout.Part norm = sums.doubles(1);
      SlabLayout.Part workspace = sums.bytes(workspaceBytes);
      owned.add(sums.allocate(device, "gradient norm"));
      normWindow = owned.add(norm.window());
      values = owned.add(new AdamValues(device));
      squareSum =
          operations.squareSum(
              gradients.address(),
              norm.address(),
              workspaceBytes == 0 ? 0 : workspace.address(),
              gradients.floats());
      adam =
          operations.adam(
              new AdamSettings(
                  settings.beta1(),
                  settings.beta2(),
                  settings.eps(),
                  settings.weightDecay(),
                  settings.decoupled(),
                  type,
                  Philox.childSeed(seed, ROUNDING_STREAM)),
              values.address(),
              norm.address(),
              weights.address(),
              gradients.address(),
              firstMoment.address(),
              secondMoment.address(),
              ema == null ? 0 : ema.address(),
              weights.floats());
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
    if (sum != null) {
      throw new IllegalArgumentException(
          "this training takes a batch as a whole: leave optimizer.parts out");
    }
    begin(learningRate);
    squareSum.run();
    adam.run();
    return finish();
  }

  /** Sets what the launches of the next update read, before they run. */
  void begin(double learningRate) {
    long next = updates + 1;
    double emaDecay = MovingAverage.decay(settings.emaDecay(), next);
    values.push(next, learningRate, emaDecay, Math.max(settings.clipNorm(), 0));
  }

  /**
   * What runs on the device in an update, one sequence for each part of the batch: with the last
   * one, which runs between {@link #begin} and {@link #finish}, the update itself.
   *
   * @param gradients what computes the gradients of a part
   */
  List<Sequence> sequences(Operations operations, List<Launch> gradients) {
    int parts = sum == null ? 1 : settings.parts();
    List<Sequence> sequences = new ArrayList<>();
    for (int part = 0; part < parts; part++) {
      if (part > 1 && part + 1 < parts) {
        // Those between the first and the last are alike.
        sequences.add(sequences.getLast());
        continue;
      }
      List<Launch> launches = new ArrayList<>(gradients);
      if (sum != null) {
        launches.add(sum.launch(part));
      }
      if (part + 1 == parts) {
        launches.add(squareSum);
        launches.add(adam);
      }
      sequences.add(operations.record(launches));
    }
    return sequences;
  }

  /** Reads back the outcome of the update, as {@link #update} returns it. */
  boolean finish() {
    normWindow.pull();
    lastNorm = Math.sqrt(normWindow.memory().get(ValueLayout.JAVA_DOUBLE, 0));
    if (Double.isFinite(lastNorm)) {
      skippedInARow = 0;
      updates++;
      for (int i = 0; i < averages.size(); i++) {
        averages.get(i).update(updates);
      }
      return true;
    }
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
    return updates;
  }

  /** Restores the count of a checkpoint. */
  public void setUpdates(long updates) {
    this.updates = updates;
  }

  public MomentSlab firstMoment() {
    return firstMoment;
  }

  public MomentSlab secondMoment() {
    return secondMoment;
  }

  /** The moving average, or null when there is none. */
  public ParameterSlab ema() {
    return ema;
  }

  /** Further moving averages. */
  public List<MovingAverage> averages() {
    return Collections.unmodifiableList(averages);
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
