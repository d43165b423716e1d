package org.halfstep.sample;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.device.Sequence;
import org.halfstep.device.SlabLayout;
import org.halfstep.diffusion.History;

/**
 * All steps of one schedule as one sequence of launches, for one batch. What differs from step to
 * step (times, coefficients, keys of fresh noise) lies in device memory before the first step runs,
 * so nothing in between comes from the host.
 */
final class SamplingProgram implements AutoCloseable {
  private static final float IMAGE_LIMIT = 1;

  /** A key is a seed of 8 bytes and a draw of 4, and starts at a multiple of 16. */
  private static final long KEY_BYTES = 16;

  /**
   * Where the images of a batch are.
   *
   * @param noise room for fresh noise
   * @param kept room for what {@value History#MOST} and one steps predict
   * @param ids int64 per image: which image of the seed it is
   * @param known what is known of the images; null where nothing is
   */
  record Memory(long noise, long kept, long ids, KnownMemory known) {}

  private final Owned owned = new Owned();
  private final PreparedSchedule schedule;
  private final SamplingKind kind;
  private final boolean twoBranches;
  private final int batch;
  private final int imageValues;
  private final int channels;
  private final Denoiser.Evaluation network;
  private final Operations operations;
  private final Memory memory;
  private final SamplingCoefficients coefficients;
  private final KeptPredictions kept;
  private final HostView keys;
  private final long keysAddress;
  private final HostView draws;
  private final long drawsAddress;
  private final long timesAddress;

  /** Bytes from one step's times to the next, for kernels that load vectors. */
  private final long timesStride;

  private final Sequence sequence;
  private Cancellation cancellation;
  private SampleProgress progress = SampleProgress.NONE;
  private int done;

  /**
   * @param batch images; the plan has twice as many rows when there are two branches
   */
  SamplingProgram(
      Device device,
      Operations operations,
      Denoiser.Evaluation network,
      Memory memory,
      PreparedSchedule schedule,
      SamplingKind kind,
      boolean twoBranches,
      int batch,
      int imageValues,
      int channels) {
    this.operations = operations;
    this.network = network;
    this.memory = memory;
    this.schedule = schedule;
    this.kind = kind;
    this.twoBranches = twoBranches;
    this.batch = batch;
    this.imageValues = imageValues;
    this.channels = channels;
    this.kept = new KeptPredictions(schedule);
    try {
      int steps = schedule.evaluations();
      this.coefficients =
          owned.add(new SamplingCoefficients(device, schedule, twoBranches, throughKept(), batch));
      this.timesStride =
          Math.ceilDiv((long) Float.BYTES * network.plan().batch(), SlabLayout.ALIGNMENT)
              * SlabLayout.ALIGNMENT;
      SlabLayout numbers = new SlabLayout();
      SlabLayout.Part times = numbers.bytes(timesStride * steps);
      SlabLayout.Part drawn = numbers.bytes(KEY_BYTES * (steps + 1));
      SlabLayout.Part foreign = numbers.bytes(kind.isForeign() ? drawBytes() * countDraws() : 0);
      owned.add(numbers.allocate(device, "times and keys of sampling"));
      this.timesAddress = times.address();
      this.keysAddress = drawn.address();
      this.keys = owned.add(drawn.window());
      this.drawsAddress = foreign.address();
      this.draws = kind.isForeign() ? owned.add(foreign.window()) : null;
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
        for (int row = 0; row < network.plan().batch(); row++) {
          times
              .memory()
              .set(ValueLayout.JAVA_FLOAT, timesStride * step + (long) Float.BYTES * row, time);
        }
      }
      times.push();
    }
  }

  // ---- Noise

  private long drawBytes() {
    return (long) Float.BYTES * batch * imageValues;
  }

  private boolean isNoisy(int step) {
    return schedule.step(step).noise() != 0;
  }

  /** Tensors that are drawn for an image: where it starts, and for each step with noise. */
  private int countDraws() {
    int count = 1;
    for (int step = 0; step < schedule.evaluations(); step++) {
      count += isNoisy(step) ? 1 : 0;
    }
    return count;
  }

  // ---- The launches

  private List<Launch> launches() {
    List<Launch> launches = new ArrayList<>(begin());
    for (int step = 0; step < schedule.evaluations(); step++) {
      int now = step;
      // On a GPU, which replays what was recorded, this is asked once and never again.
      launches.add(() -> requireWanted(now));
      launches.addAll(launches(step));
    }
    return launches;
  }

  private List<Launch> begin() {
    List<Launch> launches = new ArrayList<>();
    if (!network.plan().conditionSteps().isEmpty()) {
      launches.add(network.plan().conditionSequence());
    }
    long noise = memory.known() == null ? network.z() : memory.known().noise();
    launches.add(normal(noise, 0, 0));
    if (kind.begins()) {
      launches.add(
          memory.known().noised(network.z(), coefficients.address(coefficients.startTerm())));
    } else if (noise != network.z() || schedule.start() != 1) {
      launches.add(combine(network.z(), new long[] {noise}, coefficients.startTerm()));
    }
    return launches;
  }

  private List<Launch> launches(int step) {
    List<Launch> launches = new ArrayList<>();
    evaluate(launches, step);
    advance(launches, step);
    if (kind.leadsBack()) {
      launches.addAll(
          memory.known().leadBack(network.z(), coefficients.address(coefficients.knownTerm(step))));
    }
    return launches;
  }

  private void requireWanted(int step) {
    if (cancellation != null) {
      cancellation.check();
      progress.at(done, step, schedule.evaluations());
    }
  }

  private void evaluate(List<Launch> launches, int step) {
    launches.add(
        operations.convert(
            timesAddress + timesStride * step,
            DataType.F32,
            network.time(),
            DataType.F32,
            network.plan().batch()));
    launches.addAll(network.feed(operations));
    launches.add(network.plan().forwardSequence());
  }

  private void advance(List<Launch> launches, int step) {
    long x = network.z();
    long count = (long) batch * imageValues;
    long second = network.out() + Float.BYTES * count;
    long[] outputs =
        twoBranches ? new long[] {x, network.out(), second} : new long[] {x, network.out()};
    if (throughKept()) {
      long now = keptAddress(kept.slot(step));
      launches.add(combine(now, outputs, coefficients.firstTerm(step)));
      if (kind.clip()) {
        launches.add(operations.clamp(now, now, -IMAGE_LIMIT, IMAGE_LIMIT, count, DataType.F32));
      }
      List<Long> terms = new ArrayList<>(List.of(x, now));
      kept.read(step).forEach(slot -> terms.add(keptAddress(slot)));
      sum(launches, terms, coefficients.nextTerm(step));
    } else {
      launches.add(combine(x, outputs, coefficients.firstTerm(step)));
    }
    if (isNoisy(step)) {
      // Draw 0 is the noise that the image starts from.
      launches.add(normal(memory.noise(), step + 1, foreignDraw(step)));
      launches.add(combine(x, new long[] {x, memory.noise()}, coefficients.noiseTerm(step)));
    }
  }

  private int foreignDraw(int step) {
    int draw = 0;
    for (int before = 0; before <= step; before++) {
      draw += isNoisy(before) ? 1 : 0;
    }
    return draw;
  }

  /** A sum of more terms than one launch takes is continued from what the first one wrote. */
  private void sum(List<Launch> launches, List<Long> terms, int term) {
    long x = network.z();
    int first = Math.min(terms.size(), SamplingCoefficients.MOST_TERMS);
    launches.add(combine(x, addresses(terms.subList(0, first)), term));
    if (terms.size() > first) {
      List<Long> rest = new ArrayList<>(List.of(x));
      rest.addAll(terms.subList(first, terms.size()));
      launches.add(combine(x, addresses(rest), term + SamplingCoefficients.MOST_TERMS));
    }
  }

  private static long[] addresses(List<Long> terms) {
    return terms.stream().mapToLong(Long::longValue).toArray();
  }

  /** Whether steps go through what they keep of the prediction: the image, or its noise. */
  private boolean throughKept() {
    return kind.clip() || schedule.readsHistory();
  }

  private long keptAddress(int slot) {
    return memory.kept() + (long) Float.BYTES * batch * imageValues * slot;
  }

  private Launch normal(long y, int draw, int foreign) {
    if (kind.isForeign()) {
      return operations.convert(
          drawsAddress + drawBytes() * foreign,
          DataType.F32,
          y,
          DataType.F32,
          (long) batch * imageValues);
    }
    return operations.normal(
        y, keysAddress + KEY_BYTES * draw, memory.ids(), batch, imageValues, DataType.F32);
  }

  private Launch combine(long y, long[] terms, int term) {
    return operations.linearCombination(
        y, terms, coefficients.address(term), batch, imageValues, DataType.F32);
  }

  // ---- Running

  boolean isFor(
      PreparedSchedule wanted, boolean clip, boolean isForeign, boolean begins, boolean leadsBack) {
    return schedule == wanted && kind.is(clip, isForeign, begins, leadsBack);
  }

  /** Whether it reads known pictures. */
  boolean readsKnown() {
    return memory.known() != null;
  }

  /**
   * Runs all steps; conditions, known pictures and the numbers of the images are on the device
   * already.
   *
   * @param first index in the request of the first image
   * @param picture what is known of the images; null for nothing
   * @param skipped what another program draws beside the noise
   */
  void run(
      SampleRequest request,
      int first,
      KnownImage picture,
      ForeignDraws skipped,
      Cancellation wanted,
      SampleProgress told) {
    long seed = request.seed();
    for (int draw = 0; draw <= schedule.evaluations(); draw++) {
      keys.memory().set(ValueLayout.JAVA_LONG, KEY_BYTES * draw, seed);
      keys.memory().set(ValueLayout.JAVA_INT, KEY_BYTES * draw + Long.BYTES, draw);
    }
    keys.push();
    if (kind.isForeign()) {
      draw(request, first, skipped);
    }
    boolean isStart = picture != null && picture.isStart();
    double onStart = kind.begins() ? schedule.step(0).alpha() : schedule.start();
    coefficients.write(
        request.guidance(), isStart ? 1 : onStart, isStart ? 0 : schedule.step(0).sigma());
    cancellation = wanted;
    progress = told;
    done = first;
    sequence.run();
    progress.at(first + batch, 0, schedule.evaluations());
  }

  private void draw(SampleRequest request, int first, ForeignDraws skipped) {
    for (int image = 0; image < batch; image++) {
      request
          .noise()
          .write(
              request.seed() + request.firstImage() + first + image,
              skipped,
              countDraws(),
              imageValues,
              channels,
              draws.memory(),
              (long) Float.BYTES * imageValues * image,
              drawBytes());
    }
    draws.push();
  }

  /**
   * Runs the steps of the last {@link #run} again, one by one, up to the first after which a test
   * fails.
   *
   * @return the number of steps made then, from 1; 0 when it never fails
   */
  int stepsUntil(BooleanSupplier fails) {
    begin().forEach(Launch::run);
    for (int step = 0; step < schedule.evaluations(); step++) {
      launches(step).forEach(Launch::run);
      if (fails.getAsBoolean()) {
        return step + 1;
      }
    }
    return 0;
  }

  @Override
  public void close() {
    owned.close();
  }
}
