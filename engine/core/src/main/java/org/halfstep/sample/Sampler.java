package org.halfstep.sample;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.halfstep.device.DataType;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.diffusion.SamplingSchedule;
import org.halfstep.diffusion.Solver;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.model.ModelCard;
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

  private final Denoiser denoiser;
  private final int maxBatch;
  private final DataType type;
  private final NoiseSchedule schedule;

  /** Loops by the binary logarithm of their batch, so that finding one allocates nothing. */
  private final SamplingLoop[] loops = new SamplingLoop[Integer.SIZE];

  private final SamplingLoop[] guidedLoops = new SamplingLoop[Integer.SIZE];

  /** The schedules of recent requests, the latest last. */
  private final List<PreparedSchedule> schedules = new ArrayList<>();

  /** Of requests without one of their own: only an interrupt stops those. */
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
    this(new PixelDenoiser(network), maxBatch, type);
  }

  /** A sampler of any network, which stays the caller's. */
  Sampler(Denoiser denoiser, int maxBatch, DataType type) {
    ModelOptions.requireBatch(maxBatch);
    this.denoiser = denoiser;
    this.maxBatch = maxBatch;
    this.type = type;
    this.schedule = denoiser.card().noiseSchedule();
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
  public void sample(SampleRequest request, MemorySegment destination, Cancellation cancellation) {
    sample(request, null, ForeignDraws.NONE, destination, cancellation, SampleProgress.NONE);
  }

  /**
   * The same, starting from a picture, with a listener for the progress.
   *
   * @param picture null for none
   * @param skipped what another program draws beside the noise
   */
  synchronized void sample(
      SampleRequest request,
      KnownImage picture,
      ForeignDraws skipped,
      MemorySegment destination,
      Cancellation cancellation,
      SampleProgress progress) {
    run(request, false, picture, skipped, destination, cancellation, progress);
  }

  /**
   * The way back: from images to the noise that the steps of a request begin with (DDIM run
   * backwards; Song et al. 2021, section 4.3), under its condition.
   *
   * @param picture the images, as they are
   * @param destination takes what the request begins with
   */
  synchronized void invert(
      SampleRequest request,
      KnownImage picture,
      MemorySegment destination,
      Cancellation cancellation,
      SampleProgress progress) {
    run(request, true, picture, ForeignDraws.NONE, destination, cancellation, progress);
  }

  private void run(
      SampleRequest request,
      boolean isInverse,
      KnownImage picture,
      ForeignDraws skipped,
      MemorySegment destination,
      Cancellation cancellation,
      SampleProgress progress) {
    requireOpen();
    if (isInverse) {
      requireInvertible(denoiser.card(), request);
      denoiser.requireCondition(request);
    } else {
      requireSupported(request);
    }
    long imageBytes = (long) Float.BYTES * denoiser.values();
    if (destination.byteSize() < request.count() * imageBytes) {
      throw new IllegalArgumentException(
          request.count()
              + " images need "
              + request.count() * imageBytes
              + " bytes, the destination has "
              + destination.byteSize());
    }
    denoiser.device().attach();
    PreparedSchedule steps = schedule(request, isInverse);
    int done = 0;
    while (done < request.count()) {
      cancellation.check();
      int size = Math.min(maxBatch, Integer.highestOneBit(request.count() - done));
      loop(size, twoBranches(request))
          .run(
              request,
              done,
              steps,
              picture,
              skipped,
              destination,
              done * imageBytes,
              cancellation,
              progress);
      done += size;
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the model is closed and makes no more images");
    }
  }

  private boolean twoBranches(SampleRequest request) {
    return Denoiser.branches(denoiser.card(), request) == 2;
  }

  private SamplingLoop loop(int size, boolean twoBranches) {
    SamplingLoop[] known = twoBranches ? guidedLoops : loops;
    int index = Integer.numberOfTrailingZeros(size);
    if (known[index] == null) {
      known[index] = new SamplingLoop(denoiser, size, twoBranches, type);
    }
    return known[index];
  }

  private PreparedSchedule schedule(SampleRequest request, boolean isInverse) {
    int last = steps(denoiser.card(), request);
    int levels = levels(request);
    for (int i = 0; i < schedules.size(); i++) {
      PreparedSchedule known = schedules.get(i);
      if (known.isFor(request, last, levels, isInverse)) {
        return known;
      }
    }
    TimeGrid grid = denoiser.grid(request.sampler(), request.spacing(), request.end());
    PreparedSchedule made =
        new PreparedSchedule(
            new PreparedSchedule.Key(
                request.sampler(),
                request.spacing(),
                request.end(),
                request.steps(),
                last,
                levels,
                isInverse),
            isInverse
                ? SamplingSchedule.encode(request.sampler(), schedule, grid, request.steps(), last)
                : path(denoiser.card(), grid, request),
            denoiser.card().predicts());
    if (schedules.size() == MOST_SCHEDULES) {
      schedules.removeFirst();
    }
    schedules.add(made);
    return made;
  }

  /** The steps of a request that are run. */
  static SamplingSchedule path(ModelCard card, TimeGrid grid, SampleRequest request) {
    int levels = levels(request);
    if (levels < TimeGrid.CONSISTENCY_LEVELS) {
      return SamplingSchedule.consistency(
          card.noiseSchedule(),
          grid.consistencyTimes(card.noiseSchedule(), request.steps(), levels));
    }
    return SamplingSchedule.ofLast(
        request.sampler(), card.noiseSchedule(), grid, request.steps(), steps(card, request));
  }

  /** Whether nothing of a picture is left where a request begins. */
  static boolean startsFromNoise(ModelCard card, SampleRequest request) {
    return steps(card, request) == request.steps()
        && levels(request) == TimeGrid.CONSISTENCY_LEVELS;
  }

  private static boolean isSpread(SampleRequest request) {
    return request.edit() != null
        && request.sampler() == Solver.CONSISTENCY
        && (request.spacing() == null || request.spacing() == TimeGrid.Spacing.CONSISTENCY);
  }

  /**
   * Of the levels that a consistency model was distilled at, how many a request's steps are spread
   * over.
   */
  private static int levels(SampleRequest request) {
    int most = TimeGrid.CONSISTENCY_LEVELS;
    return isSpread(request) ? Math.min((int) (most * request.edit().strength()), most) : most;
  }

  /**
   * How many of a request's steps are run: all of them, unless it begins with a picture. A
   * consistency model runs all of them then as well.
   *
   * @throws IllegalArgumentException when its strength is too small for one step
   */
  static int steps(ModelCard card, SampleRequest request) {
    int n = request.steps();
    if (request.edit() == null) {
      return n;
    }
    if (isSpread(request)) {
      if (levels(request) < n) {
        throw tooWeak(request, (double) n / TimeGrid.CONSISTENCY_LEVELS);
      }
      return n;
    }
    double wanted = request.edit().strength() * n;
    if (card.hasOwnSteps()) {
      return Math.clamp((int) Math.rint(wanted), 1, n);
    }
    int steps = Math.min((int) wanted, n);
    if (steps == 0) {
      throw tooWeak(request, 1.0 / n);
    }
    return steps;
  }

  private static IllegalArgumentException tooWeak(SampleRequest request, double least) {
    return new IllegalArgumentException(
        "of "
            + request.steps()
            + " steps a strength of "
            + request.edit().strength()
            + " runs none: the smallest one is "
            + least);
  }

  /**
   * Fails when the network was not made for this request.
   *
   * @throws IllegalArgumentException in one line that says what it was made for
   */
  public void requireSupported(SampleRequest request) {
    requireSteps(denoiser.card(), request);
    denoiser.requireCondition(request);
  }

  /** Fails when a network with this card was not made for a request's steps and guidance. */
  static void requireSteps(ModelCard card, SampleRequest request) {
    if (card.encodes()) {
      throw new IllegalArgumentException(
          "this is an encoder, which takes pictures to noise and makes none: use it with transfer");
    }
    requireOwn(card, request);
  }

  /** Fails when a network with this card cannot take pictures back to noise as a request asks. */
  static void requireInvertible(ModelCard card, SampleRequest request) {
    if (!request.sampler().isDeterministic()) {
      throw new IllegalArgumentException(
          "the "
              + name(request.sampler())
              + " sampler draws noise on its way and does not lead back to a picture: use ddim");
    }
    if (request.clip()) {
      throw new IllegalArgumentException(
          "on the way from a picture to noise nothing is clamped: leave out clamping");
    }
    if (card.hasOwnSteps() && !card.encodes()) {
      throw new IllegalArgumentException(
          "a student was distilled for steps towards pictures: take a picture back with its teacher,"
              + " or with an encoder");
    }
    requireOwn(card, request);
  }

  /** Either way. */
  private static void requireOwn(ModelCard card, SampleRequest request) {
    if (request.clip() && request.sampler() == Solver.PNDM) {
      throw new IllegalArgumentException(
          "the pndm sampler keeps predicted noise and clips no images: use another sampler");
    }
    if (card.hasOwnSteps()) {
      String what = card.encodes() ? "this encoder" : "this student";
      if (request.steps() != card.steps()) {
        throw new IllegalArgumentException(
            what
                + " was distilled for "
                + steps(card.steps())
                + " and takes no other number, got "
                + request.steps());
      }
      Solver made = card.solver();
      if (request.sampler() != made) {
        throw new IllegalArgumentException(
            what
                + " was distilled for the "
                + name(made)
                + " sampler, got "
                + name(request.sampler()));
      }
    }
    steps(card, request);
    if (card.takesGuidance()
        && !(request.guidance() >= card.guidanceMin()
            && request.guidance() <= card.guidanceMax())) {
      throw new IllegalArgumentException(
          "this network was distilled for guidance w in ["
              + card.guidanceMin()
              + ", "
              + card.guidanceMax()
              + "], got "
              + request.guidance());
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
    return denoiser.values();
  }

  /**
   * Network evaluations per image that a request costs: for a guided teacher two for each that its
   * solver makes, else one.
   */
  public long evaluations(SampleRequest request) {
    ModelCard card = denoiser.card();
    return (long) request.sampler().evaluations(steps(card, request))
        * Denoiser.branches(card, request);
  }

  /** Creates the plans for a request ahead of it, and runs each once. */
  public synchronized void warmUp(SampleRequest request) {
    requireOpen();
    requireSupported(request);
    denoiser.device().attach();
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
