package org.halfstep.distill;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Owned;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.Weights;
import org.halfstep.model.DiffusionPorts;
import org.halfstep.model.NetworkInputs;
import org.halfstep.random.Philox;
import org.halfstep.train.ConditionedNetwork;
import org.halfstep.train.Examples;

/**
 * How well a network that learned to predict v still knows eps: mean squared errors of eps, its own
 * and its teacher's, on the same examples, in ten bins of time, with conditions and without. It is
 * as good where no error is more than 1 % above the teacher's. Source: specification 6.1.
 */
final class ConversionErrors {
  static final int BINS = 10;

  /** What an error may be above the teacher's. */
  static final double TOLERANCE = 0.01;

  private static final int NOISE = 40;
  private static final int TIME = 41;

  /** By branch, with and without condition, and bin. */
  private final double[][] teacher;

  private final double[][] student;

  /**
   * @param teacher what {@link #errors} found of it
   * @param student likewise, on the same examples
   */
  ConversionErrors(double[][] teacher, double[][] student) {
    this.teacher = teacher;
    this.student = student;
  }

  /**
   * Mean squared errors of eps of a network, by branch, with condition and without, and bin.
   *
   * @param weights of the network: its own, or their moving average
   * @param perBin examples of each bin at least, in whole batches
   * @param seed of examples and noise
   */
  static double[][] errors(
      ConditionedNetwork conditioned,
      Weights weights,
      Examples examples,
      int perBin,
      int batch,
      long seed) {
    int rounds = Math.ceilDiv(perBin, batch);
    double[][] sums = new double[2][BINS];
    try (Pass pass = new Pass(conditioned, weights, examples, batch, seed)) {
      for (int bin = 0; bin < BINS; bin++) {
        for (int round = 0; round < rounds; round++) {
          for (int branch = 0; branch < 2; branch++) {
            sums[branch][bin] +=
                pass.squares(bin, ((long) bin * rounds + round) * batch, branch == 1);
          }
        }
      }
    }
    double count = (double) rounds * batch * examples.shape().size();
    for (double[] branch : sums) {
      for (int bin = 0; bin < BINS; bin++) {
        branch[bin] /= count;
      }
    }
    return sums;
  }

  /** One network over batches of examples. */
  private static final class Pass implements AutoCloseable {
    private final Owned owned = new Owned();
    private final Examples examples;
    private final ExampleDraws draws;
    private final NoiseSchedule schedule;
    private final Parameterization predicts;
    private final int without;
    private final int batch;
    private final long seed;
    private final Plan plan;
    private final NetworkInputs inputs;
    private final HostView x;
    private final HostView out;
    private final MemorySegment clean;
    private final MemorySegment beside;
    private final float[] noise;

    Pass(ConditionedNetwork conditioned, Weights weights, Examples examples, int batch, long seed) {
      this.examples = examples;
      this.schedule = conditioned.network().card().noiseSchedule();
      this.predicts = conditioned.network().card().predicts();
      this.draws = new ExampleDraws(seed, schedule);
      this.without = conditioned.without().orElse(0);
      this.batch = batch;
      this.seed = seed;
      Device device = conditioned.network().device();
      try {
        plan =
            owned.add(
                Plan.inference(
                    device, conditioned.network().graph(), PlanOptions.inference(batch), weights));
        plan.prepare();
        inputs = owned.add(conditioned.inputs(plan));
        DiffusionPorts ports = conditioned.network().architecture().ports(plan.graph());
        x = owned.add(device.view(plan.address(ports.x()), Float.BYTES * plan.count(ports.x())));
        out =
            owned.add(
                device.view(plan.address(ports.out()), Float.BYTES * plan.count(ports.out())));
      } catch (RuntimeException | Error failure) {
        owned.close();
        throw failure;
      }
      int pixels = examples.shape().pixels();
      clean = Arena.ofAuto().allocate((long) Float.BYTES * examples.shape().size(), Float.BYTES);
      beside =
          Arena.ofAuto()
              .allocate((long) Float.BYTES * (pixels * examples.besideChannels() + 1), Float.BYTES);
      noise = new float[examples.shape().size()];
    }

    private double time(int bin, long example) {
      double part = Philox.uniformFromPair(seed, example, TIME, 0);
      return schedule.trainingTime((bin + part) / BINS);
    }

    /** Sum of the squared errors of eps over a batch. */
    double squares(int bin, long first, boolean leaves) {
      for (int row = 0; row < batch; row++) {
        long example = first + row;
        int index = (int) (example % examples.count());
        fill(row, index, example, time(bin, example));
        int condition = leaves ? without : examples.condition(index, example, draws);
        inputs.set(row, time(bin, example), condition, 0);
      }
      x.push();
      inputs.push();
      inputs.launches().forEach(launch -> launch.run());
      plan.forward();
      out.pull();
      double sum = 0;
      for (int row = 0; row < batch; row++) {
        sum += squares(row, first + row, time(bin, first + row));
      }
      return sum;
    }

    private void fill(int row, int index, long example, double time) {
      examples.write(index, example, draws, clean, 0);
      Philox.normal(seed, example, NOISE, noise);
      int extra = examples.besideChannels();
      if (extra > 0) {
        examples.writeBeside(index, example, draws, beside, 0);
      }
      int channels = examples.shape().channels();
      for (int i = 0; i < noise.length; i++) {
        x.memory().setAtIndex(ValueLayout.JAVA_FLOAT, place(row, i), (float) z(i, time));
      }
      for (int i = 0; i < examples.shape().pixels() * extra; i++) {
        long to =
            ((long) row * examples.shape().pixels() + i / extra) * (channels + extra)
                + channels
                + i % extra;
        x.memory()
            .setAtIndex(ValueLayout.JAVA_FLOAT, to, beside.getAtIndex(ValueLayout.JAVA_FLOAT, i));
      }
    }

    private long place(int row, int i) {
      int channels = examples.shape().channels();
      int columns = channels + examples.besideChannels();
      return ((long) row * examples.shape().pixels() + i / channels) * columns + i % channels;
    }

    private double z(int i, double time) {
      return schedule.alpha(time) * clean.getAtIndex(ValueLayout.JAVA_FLOAT, i)
          + schedule.sigma(time) * noise[i];
    }

    private double squares(int row, long example, double time) {
      double alpha = schedule.alpha(time);
      double sigma = schedule.sigma(time);
      double onZ = predicts.onZ(Parameterization.EPS, alpha, sigma);
      double onOutput = predicts.onOutput(Parameterization.EPS, alpha, sigma);
      Philox.normal(seed, example, NOISE, noise);
      double sum = 0;
      for (int i = 0; i < noise.length; i++) {
        double z = x.memory().getAtIndex(ValueLayout.JAVA_FLOAT, place(row, i));
        double said =
            out.memory().getAtIndex(ValueLayout.JAVA_FLOAT, (long) row * noise.length + i);
        double error = onZ * z + onOutput * said - noise[i];
        sum += error * error;
      }
      return sum;
    }

    @Override
    public void close() {
      owned.close();
    }
  }

  /**
   * The teacher's error.
   *
   * @param leaves whether conditions were left out
   */
  double teacher(int bin, boolean leaves) {
    return teacher[leaves ? 1 : 0][bin];
  }

  /** The student's, likewise. */
  double student(int bin, boolean leaves) {
    return student[leaves ? 1 : 0][bin];
  }

  /** How far the worst error is above the teacher's, as a part of that. */
  double worst() {
    double worst = Double.NEGATIVE_INFINITY;
    for (int branch = 0; branch < 2; branch++) {
      for (int bin = 0; bin < BINS; bin++) {
        worst = Math.max(worst, student[branch][bin] / teacher[branch][bin] - 1);
      }
    }
    return worst;
  }

  /** In one line, for people. */
  String describe() {
    StringBuilder beyond = new StringBuilder();
    for (int branch = 0; branch < 2; branch++) {
      for (int bin = 0; bin < BINS; bin++) {
        if (!(student[branch][bin] <= (1 + TOLERANCE) * teacher[branch][bin])) {
          beyond.append(beyond.isEmpty() ? "" : ", ").append(0.1 * bin);
          beyond.append(branch == 1 ? " without condition" : "");
        }
      }
    }
    String worst = String.format(Locale.ROOT, "%.1f %%", 100 * worst());
    return beyond.isEmpty()
        ? "from eps to v: errors of eps are at most " + worst + " above the teacher's at all times"
        : "from eps to v: errors of eps are up to "
            + worst
            + " above the teacher's, more than 1 % from t = "
            + beyond.toString().replaceAll("(\\d\\.\\d)\\d+", "$1")
            + " on: more updates (latentDistillation.velocity.run.updates) bring them down";
  }
}
