package org.halfstep.sample;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.halfstep.device.Coefficients;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostWindow;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.device.Slab;
import org.halfstep.diffusion.Guidance;
import org.halfstep.diffusion.LinearMap;
import org.halfstep.diffusion.SamplingStep;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.Network;
import org.halfstep.model.NetworkInputs;

/**
 * Sampling of one batch size, prepared. z lives in the plan's image input. A guided teacher runs as
 * one batch of twice the size: rows with labels first, rows with the null label after them. Nothing
 * is allocated while it runs.
 */
final class SamplingLoop implements AutoCloseable {
  private static final int Z = 0;
  private static final int CONDITIONAL = 1;
  private static final int UNCONDITIONAL = 2;
  private static final float IMAGE_LIMIT = 1;

  private final Owned owned = new Owned();
  private final int batch;
  private final int imageValues;
  private final boolean twoBranches;
  private final int nullLabel;
  private final Plan plan;
  private final Operations operations;
  private final NetworkInputs inputs;
  private final HostWindow z;
  private final Slab slab;
  private final HostWindow key;
  private final HostWindow ids;
  private final Coefficients toNext;
  private final Coefficients toImage;
  private final Coefficients fromImage;
  private final Coefficients addNoise;
  private final Launch initialNoise;
  private final Launch freshNoise;
  private final Launch step;
  private final Launch image;
  private final Launch clip;
  private final Launch stepFromImage;
  private final Launch noiseIn;
  private final Launch mirrorBranch;

  /**
   * @param twoBranches whether the network is evaluated with and without label and the two are
   *     combined
   */
  SamplingLoop(Network network, int batch, boolean twoBranches, DataType type) {
    this.batch = batch;
    this.twoBranches = twoBranches;
    this.nullLabel = network.config().isConditional() ? network.config().numClasses() : 0;
    Device device = network.device();
    try {
      this.plan =
          owned.add(
              Plan.inference(
                  device,
                  network.graph(),
                  PlanOptions.inference(twoBranches ? 2 * batch : batch).withType(type),
                  network.weights()));
      plan.prepare();
      this.operations = owned.add(device.operations());
      this.inputs = owned.add(new NetworkInputs(network, plan));
      int side = network.config().imageSize();
      this.imageValues = side * side * network.config().inChannels();
      long imageBytes = (long) Float.BYTES * batch * imageValues;
      long count = (long) batch * imageValues;
      long x = plan.address("x");
      long out = plan.address("out");
      this.z = owned.add(device.window(x, imageBytes));
      long idBytes = (long) Long.BYTES * batch;
      this.slab = owned.add(device.allocate("sampling", 2 * imageBytes + idBytes + 2 * Long.BYTES));
      long noise = slab.address();
      long predicted = noise + imageBytes;
      long idsAddress = predicted + imageBytes;
      long keyAddress = idsAddress + idBytes;
      this.ids = owned.add(device.window(idsAddress, idBytes));
      this.key = owned.add(device.window(keyAddress, Long.BYTES + Integer.BYTES));
      this.toNext = owned.add(new Coefficients(device, "step", 3, batch));
      this.toImage = owned.add(new Coefficients(device, "image", 3, batch));
      this.fromImage = owned.add(new Coefficients(device, "step from image", 2, batch));
      this.addNoise = owned.add(new Coefficients(device, "fresh noise", 2, batch));
      long[] terms = twoBranches ? new long[] {x, out, out + imageBytes} : new long[] {x, out};
      this.initialNoise = normal(x, keyAddress, idsAddress);
      this.freshNoise = normal(noise, keyAddress, idsAddress);
      this.step = combine(x, terms, toNext);
      this.image = combine(predicted, terms, toImage);
      this.clip =
          operations.clamp(predicted, predicted, -IMAGE_LIMIT, IMAGE_LIMIT, count, DataType.F32);
      this.stepFromImage = combine(x, new long[] {x, predicted}, fromImage);
      this.noiseIn = combine(x, new long[] {x, noise}, addNoise);
      this.mirrorBranch =
          twoBranches
              ? operations.convert(x, DataType.F32, x + imageBytes, DataType.F32, count)
              : null;
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  private Launch normal(long y, long keyAddress, long idsAddress) {
    return operations.normal(y, keyAddress, idsAddress, batch, imageValues, DataType.F32);
  }

  private Launch combine(long y, long[] terms, Coefficients coefficients) {
    return operations.linearCombination(
        y, terms, coefficients.address(), batch, imageValues, DataType.F32);
  }

  /**
   * Samples {@code batch} images of a request.
   *
   * @param first index in the request of the first
   * @param destination float32 NHWC in [-1, 1] (up to overshoot)
   * @param offset bytes into {@code destination}
   */
  void run(
      SampleRequest request,
      int first,
      PreparedSchedule schedule,
      MemorySegment destination,
      long offset) {
    for (int row = 0; row < batch; row++) {
      ids.memory().setAtIndex(ValueLayout.JAVA_LONG, row, request.firstImage() + first + row);
    }
    ids.push();
    key.memory().set(ValueLayout.JAVA_LONG, 0, request.seed());
    setDraw(0);
    initialNoise.run();
    for (int i = 0; i < schedule.evaluations(); i++) {
      evaluate(request, first, schedule.step(i));
      advance(request, schedule, i);
    }
    z.pull();
    MemorySegment.copy(
        z.memory(), 0, destination, offset, (long) Float.BYTES * batch * imageValues);
  }

  private void setDraw(int draw) {
    key.memory().set(ValueLayout.JAVA_INT, Long.BYTES, draw);
    key.push();
  }

  private void evaluate(SampleRequest request, int first, SamplingStep now) {
    int[] labels = request.labels();
    for (int row = 0; row < batch; row++) {
      inputs.set(row, now.time(), labels[first + row], request.guidance());
      if (twoBranches) {
        inputs.set(batch + row, now.time(), nullLabel, request.guidance());
      }
    }
    inputs.push();
    if (mirrorBranch != null) {
      mirrorBranch.run();
    }
    plan.forward();
  }

  private void advance(SampleRequest request, PreparedSchedule schedule, int index) {
    SamplingStep now = schedule.step(index);
    if (request.clip()) {
      set(toImage, schedule.toImage(index), request.guidance());
      image.run();
      clip.run();
      LinearMap map = schedule.fromImage(index);
      fromImage.setAll(Z, map.onZ());
      fromImage.setAll(1, map.onOutput());
      fromImage.push();
      stepFromImage.run();
    } else {
      set(toNext, now.toNext(), request.guidance());
      step.run();
    }
    if (now.noise() != 0) {
      // Draw 0 is the noise that the image starts from.
      setDraw(index + 1);
      freshNoise.run();
      addNoise.setAll(0, 1);
      addNoise.setAll(1, now.noise());
      addNoise.push();
      noiseIn.run();
    }
  }

  private void set(Coefficients coefficients, LinearMap map, double guidance) {
    coefficients.setAll(Z, map.onZ());
    if (twoBranches) {
      coefficients.setAll(CONDITIONAL, map.onOutput() * Guidance.onConditional(guidance));
      coefficients.setAll(UNCONDITIONAL, map.onOutput() * Guidance.onUnconditional(guidance));
    } else {
      coefficients.setAll(CONDITIONAL, map.onOutput());
    }
    coefficients.push();
  }

  Plan plan() {
    return plan;
  }

  @Override
  public void close() {
    owned.close();
  }
}
