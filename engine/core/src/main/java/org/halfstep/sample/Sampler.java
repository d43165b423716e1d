package org.halfstep.sample;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.halfstep.device.DataType;
import org.halfstep.diffusion.GuidanceRange;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.diffusion.SamplingSchedule;
import org.halfstep.diffusion.Solver;
import org.halfstep.model.ModelCard;
import org.halfstep.model.ModelCard.Role;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;

/**
 * Makes images with a network. Prepared plans are kept per batch size (powers of two up to a
 * maximum); a request of any size runs as a few of them. Thread-safe: requests run one after
 * another, each on all cores.
 */
public final class Sampler implements AutoCloseable {
  private static final int DEFAULT_MAX_BATCH = 16;
  private static final int MOST_SCHEDULES = 8;

  private final Network<UNetConfig, ModelCard> network;
  private final int maxBatch;
  private final DataType type;
  private final NoiseSchedule schedule;
  private final GuidanceRange range;

  /** Loops by the binary logarithm of their batch, so that finding one allocates nothing. */
  private final SamplingLoop[] loops = new SamplingLoop[Integer.SIZE];

  private final SamplingLoop[] guidedLoops = new SamplingLoop[Integer.SIZE];

  /** The schedules of recent requests, the latest last. */
  private final List<PreparedSchedule> schedules = new ArrayList<>();

  /** Of requests that bring none of their own: only an interrupt stops them. */
  private final Cancellation unstoppable = new Cancellation();

  private boolean closed;

  /**
   * A sampler of float32 activations and batches of up to 16 images. The network stays the
   * caller's.
   */
  public Sampler(Network<UNetConfig, ModelCard> network) {
    this(network, DEFAULT_MAX_BATCH, DataType.F32);
  }

  /**
   * @param maxBatch largest number of images evaluated together, a power of two
   * @param type storage type of activations
   */
  public Sampler(Network<UNetConfig, ModelCard> network, int maxBatch, DataType type) {
    ModelOptions.requireBatch(maxBatch);
    if (network.architecture().outChannels() != network.architecture().inChannels()) {
      throw new IllegalArgumentException(
          "a sampler needs a network that predicts as many channels as it reads, got "
              + network.architecture().inChannels()
              + " in and "
              + network.architecture().outChannels()
              + " out");
    }
    this.network = network;
    this.maxBatch = maxBatch;
    this.type = type;
    this.schedule = network.card().noiseSchedule();
    this.range =
        network.card().role() == Role.TEACHER
            ? null
            : new GuidanceRange(network.card().guidanceMin(), network.card().guidanceMax());
  }

  /**
   * Makes the images of a request.
   *
   * @param destination float32 NHWC, {@code 4 * count * imageValues()} bytes, values about [-1, 1]
   * @throws IllegalArgumentException when the network was not made for this request, in one line
   */
  public void sample(SampleRequest request, MemorySegment destination) {
    sample(request, destination, unstoppable);
  }

  /**
   * The same, until it is stopped.
   *
   * @throws java.util.concurrent.CancellationException when it was
   */
  public synchronized void sample(
      SampleRequest request, MemorySegment destination, Cancellation cancellation) {
    requireOpen();
    requireSupported(request);
    long imageBytes = (long) Float.BYTES * imageValues();
    if (destination.byteSize() < request.count() * imageBytes) {
      throw new IllegalArgumentException(
          request.count()
              + " images need "
              + request.count() * imageBytes
              + " bytes, the destination has "
              + destination.byteSize());
    }
    network.device().attach();
    PreparedSchedule steps = schedule(request.sampler(), request.steps());
    int done = 0;
    while (done < request.count()) {
      cancellation.check();
      int size = Math.min(maxBatch, Integer.highestOneBit(request.count() - done));
      loop(size, twoBranches(request))
          .run(request, done, steps, destination, done * imageBytes, cancellation);
      done += size;
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the model is closed and makes no more images");
    }
  }

  private boolean twoBranches(SampleRequest request) {
    return network.card().role() == Role.TEACHER && request.guidance() != 0;
  }

  private SamplingLoop loop(int size, boolean twoBranches) {
    SamplingLoop[] known = twoBranches ? guidedLoops : loops;
    int index = Integer.numberOfTrailingZeros(size);
    if (known[index] == null) {
      known[index] = new SamplingLoop(network, size, twoBranches, type);
    }
    return known[index];
  }

  private PreparedSchedule schedule(Solver solver, int steps) {
    for (int i = 0; i < schedules.size(); i++) {
      PreparedSchedule known = schedules.get(i);
      if (known.solver() == solver && known.steps() == steps) {
        return known;
      }
    }
    ModelCard card = network.card();
    SamplingSchedule plain = SamplingSchedule.of(solver, schedule, card.timeGrid(), steps);
    PreparedSchedule made = new PreparedSchedule(solver, steps, plain, card.predicts());
    if (schedules.size() == MOST_SCHEDULES) {
      schedules.removeFirst();
    }
    schedules.add(made);
    return made;
  }

  /**
   * Fails when the network was not made for this request.
   *
   * @throws IllegalArgumentException then, in one line that says what it was made for
   */
  public void requireSupported(SampleRequest request) {
    ModelCard card = network.card();
    if (card.role() == Role.STUDENT) {
      if (request.steps() != card.steps()) {
        throw new IllegalArgumentException(
            "this student was distilled for "
                + steps(card.steps())
                + " and takes no other number, got "
                + request.steps());
      }
      Solver made = card.solver();
      if (request.sampler() != made) {
        throw new IllegalArgumentException(
            "this student was distilled for the "
                + name(made)
                + " sampler, got "
                + name(request.sampler()));
      }
    }
    if (card.role() == Role.TEACHER) {
      if (request.guidance() != 0 && !network.architecture().nullLabel()) {
        throw new IllegalArgumentException(
            "this network has no null label and cannot be guided; use guidance 0");
      }
    } else if (!range.contains(request.guidance())) {
      throw new IllegalArgumentException(
          "this network was distilled for guidance w in ["
              + card.guidanceMin()
              + ", "
              + card.guidanceMax()
              + "], got "
              + request.guidance());
    }
    if (network.architecture().isConditional()) {
      for (int label : request.labels()) {
        if (label < 0 || label >= network.architecture().numClasses()) {
          throw new IllegalArgumentException(
              "labels run from 0 to "
                  + (network.architecture().numClasses() - 1)
                  + ", got "
                  + label);
        }
      }
    }
  }

  private static String steps(int number) {
    return number == 1 ? "1 step" : number + " steps";
  }

  private static String name(Solver solver) {
    return solver.name().toLowerCase(Locale.ROOT);
  }

  /** Numbers of one image: height x width x channels. */
  public int imageValues() {
    int side = network.architecture().imageSize();
    return side * side * network.architecture().inChannels();
  }

  /**
   * Network evaluations per image that a request costs: two per step for a guided teacher, else
   * one.
   */
  public long evaluations(SampleRequest request) {
    return (long) request.steps() * (twoBranches(request) ? 2 : 1);
  }

  public Network<UNetConfig, ModelCard> network() {
    return network;
  }

  /** Creates the plans for a request ahead of it, and runs each once. */
  public synchronized void warmUp(SampleRequest request) {
    requireOpen();
    requireSupported(request);
    network.device().attach();
    int done = 0;
    while (done < request.count()) {
      int size = Math.min(maxBatch, Integer.highestOneBit(request.count() - done));
      loop(size, twoBranches(request)).plan().forward();
      done += size;
    }
  }

  @Override
  public synchronized void close() {
    closed = true;
    close(loops);
    close(guidedLoops);
  }

  private static void close(SamplingLoop[] loops) {
    for (int i = 0; i < loops.length; i++) {
      if (loops[i] != null) {
        loops[i].close();
        loops[i] = null;
      }
    }
  }
}
