package org.halfstep.sample;

import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import org.halfstep.device.DataType;
import org.halfstep.diffusion.GuidanceRange;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.diffusion.SamplingSchedule;
import org.halfstep.model.ModelCard;
import org.halfstep.model.ModelCard.Role;
import org.halfstep.model.Network;

/**
 * Makes images with a network. Prepared plans are kept per batch size (powers of two up to a
 * maximum); a request of any size runs as a few of them. Thread-safe: requests run one after
 * another, each on all cores.
 */
public final class Sampler implements AutoCloseable {
  /** Weight between the small (0) and the large (1) variance of ancestral sampling. */
  private static final double ANCESTRAL_INTERPOLATION = 0;

  private static final int DEFAULT_MAX_BATCH = 16;

  private final Network network;
  private final int maxBatch;
  private final DataType type;
  private final NoiseSchedule schedule;
  private final Map<Integer, SamplingLoop> loops = new HashMap<>();
  private final Map<Integer, SamplingLoop> guidedLoops = new HashMap<>();
  private SamplingSchedule lastSchedule;
  private SamplerKind lastKind;
  private int lastSteps;
  private boolean closed;

  /**
   * A sampler of float32 activations and batches of up to 16 images. The network stays the
   * caller's.
   */
  public Sampler(Network network) {
    this(network, DEFAULT_MAX_BATCH, DataType.F32);
  }

  /**
   * @param maxBatch largest number of images evaluated together, a power of two
   * @param type storage type of activations
   */
  public Sampler(Network network, int maxBatch, DataType type) {
    if (maxBatch < 1 || Integer.bitCount(maxBatch) != 1) {
      throw new IllegalArgumentException(
          "the largest batch must be a power of two, got " + maxBatch);
    }
    if (network.config().outChannels() != network.config().inChannels()) {
      throw new IllegalArgumentException(
          "a sampler needs a network that predicts as many channels as it reads, got "
              + network.config().inChannels()
              + " in and "
              + network.config().outChannels()
              + " out");
    }
    this.network = network;
    this.maxBatch = maxBatch;
    this.type = type;
    this.schedule = new NoiseSchedule.TruncatedCosine(network.card().maxLogSnr());
  }

  /**
   * Makes the images of a request.
   *
   * @param destination float32 NHWC, {@code 4 * count * imageValues()} bytes, values about [-1, 1]
   * @throws IllegalArgumentException when the network was not made for this request, in one line
   */
  public synchronized void sample(SampleRequest request, MemorySegment destination) {
    requireOpen();
    requireTaken(request);
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
    SamplingSchedule steps = schedule(request.sampler(), request.steps());
    int done = 0;
    while (done < request.count()) {
      int size = Math.min(maxBatch, Integer.highestOneBit(request.count() - done));
      loop(size, twoBranches(request)).run(request, done, steps, destination, done * imageBytes);
      done += size;
    }
  }

  /** The sampler that a student was distilled for; DDIM for networks of any number of steps. */
  static SamplerKind samplerOf(ModelCard card) {
    return "stochastic".equals(card.chain()) ? SamplerKind.STOCHASTIC : SamplerKind.DDIM;
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
    Map<Integer, SamplingLoop> known = twoBranches ? guidedLoops : loops;
    SamplingLoop loop = known.get(size);
    if (loop == null) {
      loop = new SamplingLoop(network, size, twoBranches, type);
      known.put(size, loop);
    }
    return loop;
  }

  private SamplingSchedule schedule(SamplerKind kind, int steps) {
    if (kind != lastKind || steps != lastSteps) {
      lastSchedule =
          switch (kind) {
            case DDIM -> SamplingSchedule.ddim(schedule, steps);
            case ANCESTRAL -> SamplingSchedule.ancestral(schedule, steps, ANCESTRAL_INTERPOLATION);
            case STOCHASTIC -> SamplingSchedule.stochastic(schedule, steps);
          };
      lastKind = kind;
      lastSteps = steps;
    }
    return lastSchedule;
  }

  /**
   * Fails when the network was not made for this request.
   *
   * @throws IllegalArgumentException then, in one line that says what it was made for
   */
  public void requireTaken(SampleRequest request) {
    ModelCard card = network.card();
    if (card.role() == Role.STUDENT) {
      if (request.steps() != card.steps()) {
        throw new IllegalArgumentException(
            "this student was distilled for "
                + card.steps()
                + " steps and takes no other number, got "
                + request.steps());
      }
      SamplerKind made = samplerOf(card);
      if (request.sampler() != made) {
        throw new IllegalArgumentException(
            "this student was distilled for the " + made + " sampler, got " + request.sampler());
      }
    }
    if (card.role() == Role.TEACHER) {
      if (request.guidance() != 0 && !network.config().nullLabel()) {
        throw new IllegalArgumentException(
            "this network has no null label and cannot be guided; use guidance 0");
      }
    } else if (!new GuidanceRange(card.guidanceMin(), card.guidanceMax())
        .contains(request.guidance())) {
      throw new IllegalArgumentException(
          "this network was distilled for guidance w in ["
              + card.guidanceMin()
              + ", "
              + card.guidanceMax()
              + "], got "
              + request.guidance());
    }
    if (network.config().isConditional()) {
      for (int label : request.labels()) {
        if (label < 0 || label >= network.config().numClasses()) {
          throw new IllegalArgumentException(
              "labels run from 0 to " + (network.config().numClasses() - 1) + ", got " + label);
        }
      }
    }
  }

  /** Numbers of one image: height x width x channels. */
  public int imageValues() {
    int side = network.config().imageSize();
    return side * side * network.config().inChannels();
  }

  /**
   * Network evaluations per image that a request costs: two per step for a guided teacher, else
   * one.
   */
  public synchronized long evaluations(SampleRequest request) {
    return schedule(request.sampler(), request.steps()).evaluations(twoBranches(request) ? 2 : 1);
  }

  public Network network() {
    return network;
  }

  /** Creates the plans for a request ahead of it, and runs each once. */
  public synchronized void warmUp(SampleRequest request) {
    requireOpen();
    requireTaken(request);
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
    loops.values().forEach(SamplingLoop::close);
    guidedLoops.values().forEach(SamplingLoop::close);
    loops.clear();
    guidedLoops.clear();
  }
}
