package org.halfstep.quantize;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.HostView;
import org.halfstep.diffusion.GuidanceRange;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.diffusion.SamplingSchedule;
import org.halfstep.diffusion.SamplingStep;
import org.halfstep.graph.Plan;
import org.halfstep.graph.Value;
import org.halfstep.model.ClassInputs;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.halfstep.random.Permutation;
import org.halfstep.random.Philox;

/**
 * The rows that a network is calibrated on: each image at each of its sampler's times. A row's
 * noise, guidance strength and label depend on the seed and the row's number alone.
 */
final class ImageRows implements CalibrationInputs {
  /** Steps of a network that was not distilled for a number of its own. */
  private static final int STEPS = 8;

  /** Evaluations of a calibration: days, for a small network. */
  private static final int MOST = 10_000_000;

  private static final int NOISE = 0;
  private static final int GUIDANCE = 1;

  private final Network<UNetConfig, ModelCard> network;
  private final Plan plan;
  private final ImageDataset data;
  private final NoiseSchedule schedule;
  private final List<SamplingStep> steps;
  private final GuidanceRange range;
  private final Permutation order;
  private final long seed;
  private final int images;
  private final ClassInputs inputs;
  private final HostView x;
  private final float[] noise;

  ImageRows(
      Network<UNetConfig, ModelCard> network,
      Plan plan,
      ImageDataset data,
      CalibrationSettings settings) {
    this.network = network;
    this.plan = plan;
    this.data = data;
    this.seed = settings.seed();
    this.images = Math.min(settings.images(), data.count());
    this.order = new Permutation(seed, 0, data.count());
    ModelCard card = network.card();
    if (network.architecture().isConditional()
        && data.classNames().size() > network.architecture().numClasses()) {
      throw new IllegalArgumentException(
          "the images have "
              + data.classNames().size()
              + " classes, the network "
              + network.architecture().numClasses()
              + ": calibrate with the images that it was trained on");
    }
    this.schedule = card.noiseSchedule();
    int number = card.steps() == null ? STEPS : card.steps();
    if ((long) this.images * number > MOST) {
      throw new IllegalArgumentException(
          this.images
              + " images at each of "
              + number
              + " steps are more than "
              + MOST
              + " evaluations: calibrate with fewer images");
    }
    this.steps = SamplingSchedule.of(card.solver(), schedule, card.timeGrid(), number).steps();
    this.range =
        card.guidanceMax() == null
            ? null
            : new GuidanceRange(card.guidanceMin(), card.guidanceMax());
    this.noise = new float[data.imageValues()];
    this.inputs = new ClassInputs(network, plan);
    Value images = network.architecture().ports(plan.graph()).x();
    this.x = plan.device().view(plan.address(images), Float.BYTES * plan.count(images));
  }

  /** As many as asked for, or all there are. */
  @Override
  public int images() {
    return images;
  }

  @Override
  public int count() {
    return images * steps.size();
  }

  @Override
  public void fill(int first) {
    for (int row = 0; row < plan.batch(); row++) {
      fill(row, Math.min(first + row, count() - 1));
    }
    x.push();
    inputs.push();
  }

  private void fill(int row, int number) {
    int image = (int) order.at(number / steps.size());
    double time = steps.get(number % steps.size()).time();
    double fraction = Integer.toUnsignedLong(Philox.word(seed, number, GUIDANCE, 0)) * 0x1p-32;
    inputs.set(row, time, label(image, number), range == null ? 0 : range.at(fraction));
    Philox.normal(seed, number, NOISE, noise);
    MemorySegment values = x.memory();
    long at = (long) row * noise.length;
    data.copyNormalized(image, false, values, Float.BYTES * at);
    double alpha = schedule.alpha(time);
    double sigma = schedule.sigma(time);
    for (int i = 0; i < noise.length; i++) {
      double clean = values.getAtIndex(ValueLayout.JAVA_FLOAT, at + i);
      values.setAtIndex(ValueLayout.JAVA_FLOAT, at + i, (float) (alpha * clean + sigma * noise[i]));
    }
  }

  /** The image's class; every other row of a network with a null label has that one. */
  private int label(int image, int number) {
    boolean none =
        range == null && network.architecture().nullLabel() && number / steps.size() % 2 == 1;
    return none ? network.architecture().numClasses() : data.label(image);
  }

  @Override
  public void close() {
    x.close();
    inputs.close();
  }
}
