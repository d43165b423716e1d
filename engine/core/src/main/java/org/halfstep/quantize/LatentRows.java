package org.halfstep.quantize;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Owned;
import org.halfstep.diffusion.DiscreteSchedule;
import org.halfstep.graph.Plan;
import org.halfstep.graph.Value;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.latent.LatentUNetPorts;
import org.halfstep.random.Philox;

/**
 * The rows that a latent UNet is calibrated on: each latent, noised to each of {@value #TIMES}
 * levels that divide its schedule evenly. A row's noise and guidance strength depend on the seed
 * and the row's number alone.
 */
public final class LatentRows implements CalibrationInputs {
  /** Levels at which each latent is shown. */
  public static final int TIMES = 8;

  private static final int NOISE = 0;
  private static final int GUIDANCE = 1;

  /**
   * One image with its text or class.
   *
   * @param latent as the network reads it, scaled, channels last; the channels that the network
   *     predicts are noised, those behind them, of inpainting, stay
   * @param context a text's states, one token after the other; null for a network with classes
   * @param label a class; of no meaning for a network without
   */
  public record Sample(float[] latent, float[] context, int label) {}

  private final LatentUNetConfig config;
  private final DiscreteSchedule schedule;
  private final List<Sample> samples;
  private final double[] guidance;
  private final long seed;
  private final int batch;
  private final float[] noise;
  private final Owned owned = new Owned();
  private final HostView x;
  private final HostView time;
  private final HostView condition;
  private final HostView strength;

  /**
   * @param plan of a graph of the architecture
   * @param samples at least one
   * @param guidance least and greatest strength w; null for a network that does not take it
   * @throws IllegalArgumentException in one line, when a sample is not of the network's sizes
   */
  public LatentRows(
      LatentUNetConfig config,
      Plan plan,
      DiscreteSchedule schedule,
      List<Sample> samples,
      double[] guidance,
      long seed) {
    this.config = config;
    this.schedule = schedule;
    this.samples = List.copyOf(samples);
    this.guidance = guidance == null ? null : guidance.clone();
    this.seed = seed;
    this.batch = plan.batch();
    LatentUNetPorts ports = config.ports(plan.graph());
    requireSizes(ports);
    this.noise = new float[ports.out().shape().size()];
    Value conditioned = config.hasClasses() ? ports.labels() : ports.context();
    try {
      this.x = view(plan, ports.x());
      this.time = view(plan, ports.time());
      this.condition = view(plan, conditioned);
      this.strength = config.isGuided() ? view(plan, ports.guidance()) : null;
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  private void requireSizes(LatentUNetPorts ports) {
    if (samples.isEmpty() || config.isGuided() == (guidance == null)) {
      throw new IllegalArgumentException(
          "calibration needs at least one latent, and a range of guidance strengths exactly where"
              + " the network takes them");
    }
    for (Sample sample : samples) {
      boolean fits =
          sample.latent().length == ports.x().shape().size()
              && (config.hasClasses()
                  ? sample.label() >= 0 && sample.label() < config.network().classRows()
                  : sample.context().length == ports.context().shape().size());
      if (!fits) {
        throw new IllegalArgumentException(
            "a latent or text for calibration is not of the network's size: expected "
                + ports.x().shape()
                + (config.hasClasses()
                    ? " and a class below " + config.network().classRows()
                    : " and " + ports.context().shape()));
      }
    }
  }

  /** Labels and floats have the same size. */
  private HostView view(Plan plan, Value input) {
    Device device = plan.device();
    return owned.add(device.view(plan.address(input), Float.BYTES * plan.count(input)));
  }

  @Override
  public int images() {
    return samples.size();
  }

  @Override
  public int count() {
    return samples.size() * TIMES;
  }

  @Override
  public void fill(int first) {
    for (int row = 0; row < batch; row++) {
      fill(row, Math.min(first + row, count() - 1));
    }
    x.push();
    time.push();
    condition.push();
    if (strength != null) {
      strength.push();
    }
  }

  private void fill(int row, int number) {
    Sample sample = samples.get(number / TIMES);
    int level = schedule.steps() * (number % TIMES + 1) / TIMES - 1;
    double t = schedule.time(level);
    Philox.normal(seed, number, NOISE, noise);
    float[] latent = sample.latent().clone();
    int read = config.network().inChannels();
    int predicted = config.network().outChannels();
    for (int i = 0; i < noise.length; i++) {
      int at = i / predicted * read + i % predicted;
      latent[at] = (float) (schedule.alpha(t) * latent[at] + schedule.sigma(t) * noise[i]);
    }
    put(x, row, latent);
    time.memory().setAtIndex(ValueLayout.JAVA_FLOAT, row, level);
    if (config.hasClasses()) {
      condition.memory().setAtIndex(ValueLayout.JAVA_INT, row, sample.label());
    } else {
      put(condition, row, sample.context());
    }
    if (strength != null) {
      double fraction = Integer.toUnsignedLong(Philox.word(seed, number, GUIDANCE, 0)) * 0x1p-32;
      float w = (float) (guidance[0] + fraction * (guidance[1] - guidance[0]));
      strength.memory().setAtIndex(ValueLayout.JAVA_FLOAT, row, w);
    }
  }

  private static void put(HostView view, int row, float[] values) {
    MemorySegment.copy(
        values,
        0,
        view.memory(),
        ValueLayout.JAVA_FLOAT,
        (long) Float.BYTES * row * values.length,
        values.length);
  }

  @Override
  public void close() {
    owned.close();
  }
}
