package org.halfstep.sample;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.halfstep.device.Coefficients;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.device.Sequence;
import org.halfstep.device.SlabLayout;
import org.halfstep.diffusion.Guidance;
import org.halfstep.diffusion.LinearMap;
import org.halfstep.graph.Plan;

/**
 * All steps of one schedule as one sequence of launches, for one batch. What differs from step to
 * step (times, coefficients, keys of fresh noise) lies in device memory before the first step runs,
 * so nothing in between comes from the host.
 */
final class SamplingProgram implements AutoCloseable {
  private static final float IMAGE_LIMIT = 1;
  private static final int NEXT_FROM_IMAGE_TERMS = 3;
  private static final int NOISE_TERMS = 2;

  /** A key is a seed of 8 bytes and a draw of 4, and starts at a multiple of 16. */
  private static final long KEY_BYTES = 16;

  /**
   * Where the images of a batch are.
   *
   * @param x the plan's input, where z lives; with two branches, rows of the second follow
   * @param time the plan's input of one float per row
   * @param out the network's output, rows in the order of x
   * @param noise room for fresh noise
   * @param image room for predicted images
   * @param otherImage the same again, for steps that read what the one before predicted
   * @param ids int64 per image: which image of the seed it is
   */
  record Memory(long x, long time, long out, long noise, long image, long otherImage, long ids) {}

  private final Owned owned = new Owned();
  private final PreparedSchedule schedule;
  private final boolean clip;
  private final boolean twoBranches;
  private final int batch;
  private final int imageValues;
  private final Plan plan;
  private final Operations operations;
  private final Memory memory;
  private final Coefficients coefficients;
  private final HostView keys;
  private final long keysAddress;
  private final long timesAddress;

  /** Bytes from one step's times to the next, for kernels that load vectors. */
  private final long timesStride;

  private final Sequence sequence;
  private Cancellation cancellation;

  /**
   * @param clip whether predicted images are limited to [-1, 1] before each step
   * @param batch images; the plan has twice as many rows when there are two branches
   */
  SamplingProgram(
      Device device,
      Operations operations,
      Plan plan,
      Memory memory,
      PreparedSchedule schedule,
      boolean clip,
      boolean twoBranches,
      int batch,
      int imageValues) {
    this.operations = operations;
    this.plan = plan;
    this.memory = memory;
    this.schedule = schedule;
    this.clip = clip;
    this.twoBranches = twoBranches;
    this.batch = batch;
    this.imageValues = imageValues;
    try {
      int steps = schedule.evaluations();
      this.coefficients =
          owned.add(new Coefficients(device, "sampling steps", steps * stepTerms(), batch));
      this.timesStride =
          Math.ceilDiv((long) Float.BYTES * plan.batch(), SlabLayout.ALIGNMENT)
              * SlabLayout.ALIGNMENT;
      SlabLayout numbers = new SlabLayout();
      SlabLayout.Part times = numbers.bytes(timesStride * steps);
      SlabLayout.Part drawn = numbers.bytes(KEY_BYTES * (steps + 1));
      owned.add(numbers.allocate(device, "times and keys of sampling"));
      this.timesAddress = times.address();
      this.keysAddress = drawn.address();
      this.keys = owned.add(drawn.window());
      writeTimes(times);
      this.sequence = owned.add(operations.record(launches()));
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  private void writeTimes(SlabLayout.Part part) {
    try (HostView times = part.window()) {
      for (int step = 0; step < schedule.evaluations(); step++) {
        float time = (float) schedule.step(step).timeInput();
        for (int row = 0; row < plan.batch(); row++) {
          times
              .memory()
              .set(ValueLayout.JAVA_FLOAT, timesStride * step + (long) Float.BYTES * row, time);
        }
      }
      times.push();
    }
  }

  /** Terms of z and the outputs of the network's branches. */
  private int outputTerms() {
    return twoBranches ? 3 : 2;
  }

  private int stepTerms() {
    return outputTerms() + NEXT_FROM_IMAGE_TERMS + NOISE_TERMS;
  }

  private int firstTerm(int step) {
    return step * stepTerms();
  }

  private int imageTerm(int step) {
    return firstTerm(step) + outputTerms();
  }

  private int noiseTerm(int step) {
    return imageTerm(step) + NEXT_FROM_IMAGE_TERMS;
  }

  private long addressOf(int term) {
    return coefficients.address() + (long) Float.BYTES * term * batch;
  }

  // ---- The launches
  // -------------------------------------------------------------------------

  private List<Launch> launches() {
    List<Launch> launches = new ArrayList<>();
    launches.add(normal(memory.x(), 0));
    for (int step = 0; step < schedule.evaluations(); step++) {
      // On a GPU, which replays what was recorded, this is asked once and never again.
      launches.add(this::requireWanted);
      launches.addAll(launches(step));
    }
    return launches;
  }

  private List<Launch> launches(int step) {
    List<Launch> launches = new ArrayList<>();
    evaluate(launches, step);
    advance(launches, step);
    return launches;
  }

  private void requireWanted() {
    if (cancellation != null) {
      cancellation.check();
    }
  }

  private void evaluate(List<Launch> launches, int step) {
    launches.add(
        operations.convert(
            timesAddress + timesStride * step,
            DataType.F32,
            memory.time(),
            DataType.F32,
            plan.batch()));
    if (twoBranches) {
      long count = (long) batch * imageValues;
      launches.add(
          operations.convert(
              memory.x(), DataType.F32, memory.x() + Float.BYTES * count, DataType.F32, count));
    }
    launches.add(plan.forwardSequence());
  }

  private void advance(List<Launch> launches, int step) {
    long x = memory.x();
    long count = (long) batch * imageValues;
    long second = memory.out() + Float.BYTES * count;
    long[] outputs =
        twoBranches ? new long[] {x, memory.out(), second} : new long[] {x, memory.out()};
    if (throughImages()) {
      long image = image(step);
      launches.add(combine(image, outputs, firstTerm(step)));
      if (clip) {
        launches.add(
            operations.clamp(image, image, -IMAGE_LIMIT, IMAGE_LIMIT, count, DataType.F32));
      }
      boolean takesPrevious = schedule.step(step).onPrevious() != 0;
      long[] terms = takesPrevious ? new long[] {x, image, image(step - 1)} : new long[] {x, image};
      launches.add(combine(x, terms, imageTerm(step)));
    } else {
      launches.add(combine(x, outputs, firstTerm(step)));
    }
    if (schedule.step(step).noise() != 0) {
      // Draw 0 is the noise that the image starts from.
      launches.add(normal(memory.noise(), step + 1));
      launches.add(combine(x, new long[] {x, memory.noise()}, noiseTerm(step)));
    }
  }

  /** Whether a step goes through the image that it predicts. */
  private boolean throughImages() {
    return clip || schedule.keepsImages();
  }

  private long image(int step) {
    return step % 2 == 0 ? memory.image() : memory.otherImage();
  }

  private Launch normal(long y, int draw) {
    return operations.normal(
        y, keysAddress + KEY_BYTES * draw, memory.ids(), batch, imageValues, DataType.F32);
  }

  private Launch combine(long y, long[] terms, int term) {
    return operations.linearCombination(
        y, terms, addressOf(term), batch, imageValues, DataType.F32);
  }

  // ---- Running
  // ------------------------------------------------------------------------------

  boolean isFor(PreparedSchedule wanted, boolean clipped) {
    return schedule == wanted && clip == clipped;
  }

  /**
   * Runs all steps; labels, guidance and the numbers of the images are on the device already.
   *
   * @param guidance w, for the combination of two branches
   * @param wanted asked before each evaluation
   */
  void run(long seed, double guidance, Cancellation wanted) {
    for (int draw = 0; draw <= schedule.evaluations(); draw++) {
      keys.memory().set(ValueLayout.JAVA_LONG, KEY_BYTES * draw, seed);
      keys.memory().set(ValueLayout.JAVA_INT, KEY_BYTES * draw + Long.BYTES, draw);
    }
    keys.push();
    for (int step = 0; step < schedule.evaluations(); step++) {
      if (throughImages()) {
        setOutputs(firstTerm(step), schedule.toImage(step), guidance);
        LinearMap map = schedule.fromImage(step);
        coefficients.setAll(imageTerm(step), map.onZ());
        coefficients.setAll(imageTerm(step) + 1, map.onOutput());
        coefficients.setAll(imageTerm(step) + 2, schedule.step(step).onPrevious());
      } else {
        setOutputs(firstTerm(step), schedule.toNext(step), guidance);
      }
      coefficients.setAll(noiseTerm(step), 1);
      coefficients.setAll(noiseTerm(step) + 1, schedule.step(step).noise());
    }
    coefficients.push();
    cancellation = wanted;
    sequence.run();
  }

  /**
   * Runs the steps of the last {@link #run} again, one by one, up to the first after which a test
   * fails.
   *
   * @return the number of steps made then, from 1; 0 when it never fails
   */
  int stepsUntil(BooleanSupplier fails) {
    normal(memory.x(), 0).run();
    for (int step = 0; step < schedule.evaluations(); step++) {
      launches(step).forEach(Launch::run);
      if (fails.getAsBoolean()) {
        return step + 1;
      }
    }
    return 0;
  }

  private void setOutputs(int term, LinearMap map, double guidance) {
    coefficients.setAll(term, map.onZ());
    if (twoBranches) {
      coefficients.setAll(term + 1, map.onOutput() * Guidance.onConditional(guidance));
      coefficients.setAll(term + 2, map.onOutput() * Guidance.onUnconditional(guidance));
    } else {
      coefficients.setAll(term + 1, map.onOutput());
    }
  }

  @Override
  public void close() {
    owned.close();
  }
}
