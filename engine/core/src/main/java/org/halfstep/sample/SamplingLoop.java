package org.halfstep.sample;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.device.SlabLayout;
import org.halfstep.graph.Plan;

/**
 * Sampling of one batch size, prepared, on a stream of its own. A guided teacher runs as one batch
 * of twice the size: rows with the condition first, rows without it after them. The sequences of
 * recent schedules are kept; with one of them, nothing is allocated.
 */
final class SamplingLoop implements AutoCloseable {
  private static final int MOST_PROGRAMS = 4;

  private final Owned owned = new Owned();
  private final Denoiser denoiser;
  private final int batch;
  private final int imageValues;
  private final boolean twoBranches;
  private final Device device;
  private final Denoiser.Evaluation network;
  private final Operations operations;
  private final HostView z;
  private final HostView ids;
  private final long noiseAddress;
  private final long keptAddress;
  private final long idsAddress;

  /** Made when a picture is known for the first time. */
  private KnownMemory known;

  /** The latest last. */
  private final List<SamplingProgram> programs = new ArrayList<>();

  /**
   * @param twoBranches whether the network is evaluated with and without its condition and the two
   *     are combined
   */
  SamplingLoop(Denoiser denoiser, int batch, boolean twoBranches, DataType type) {
    this.denoiser = denoiser;
    this.batch = batch;
    this.twoBranches = twoBranches;
    this.imageValues = denoiser.values();
    try {
      this.device = owned.add(denoiser.device().stream());
      this.network = owned.add(denoiser.evaluation(device, batch, twoBranches ? 2 : 1, type));
      this.operations = owned.add(device.operations());
      long imageBytes = (long) Float.BYTES * batch * imageValues;
      this.z = owned.add(device.view(network.z(), imageBytes));
      SlabLayout room = new SlabLayout();
      SlabLayout.Part noise = room.bytes(imageBytes);
      SlabLayout.Part kept = room.bytes(KeptPredictions.SLOTS * imageBytes);
      SlabLayout.Part numbers = room.longs(batch);
      owned.add(room.allocate(device, "sampling"));
      this.ids = owned.add(numbers.window());
      this.noiseAddress = noise.address();
      this.keptAddress = kept.address();
      this.idsAddress = numbers.address();
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  /**
   * Samples {@code batch} images of a request.
   *
   * @param first index in the request of the first
   * @param picture what is known of the images; null for nothing
   * @param skipped what another program draws beside the noise
   * @param destination float32 NHWC in [-1, 1] (up to overshoot)
   * @param offset bytes into {@code destination}
   * @param cancellation asked before each evaluation
   * @throws NotFiniteException when a number of an image is not finite; nothing is written then
   */
  void run(
      SampleRequest request,
      int first,
      PreparedSchedule schedule,
      KnownImage picture,
      ForeignDraws skipped,
      MemorySegment destination,
      long offset,
      Cancellation cancellation,
      SampleProgress progress) {
    SamplingProgram program = program(schedule, request, picture);
    for (int row = 0; row < batch; row++) {
      ids.memory().setAtIndex(ValueLayout.JAVA_LONG, row, request.firstImage() + first + row);
    }
    ids.push();
    network.set(request, first, schedule.step(0).time());
    if (program.readsKnown()) {
      known.set(picture, first);
    }
    program.run(request, first, picture, skipped, cancellation, progress);
    z.pull();
    long bad = firstNotFinite();
    if (bad >= 0) {
      throw notFinite(request, first, program, schedule, (int) (bad / imageValues));
    }
    MemorySegment.copy(
        z.memory(), 0, destination, offset, (long) Float.BYTES * batch * imageValues);
  }

  private long firstNotFinite() {
    MemorySegment values = z.memory();
    long count = (long) batch * imageValues;
    for (long i = 0; i < count; i++) {
      if (!Float.isFinite(values.getAtIndex(ValueLayout.JAVA_FLOAT, i))) {
        return i;
      }
    }
    return -1;
  }

  private NotFiniteException notFinite(
      SampleRequest request,
      int first,
      SamplingProgram program,
      PreparedSchedule schedule,
      int row) {
    int step =
        program.stepsUntil(
            () -> {
              z.pull();
              return firstNotFinite() >= 0;
            });
    return new NotFiniteException(
        "image "
            + (request.firstImage() + first + row)
            + " of seed "
            + request.seed()
            + " is not finite"
            + (step == 0 ? "" : " after step " + step + " of " + schedule.evaluations())
            + ", with guidance w = "
            + request.guidance()
            + ": use a smaller w or float32; a model that does so at w = 0 is damaged");
  }

  private SamplingProgram program(
      PreparedSchedule schedule, SampleRequest request, KnownImage picture) {
    boolean isForeign = request.noise() != NoiseSource.OWN;
    boolean begins = picture != null && (picture.isStart() || !schedule.startsFromNoise());
    boolean leadsBack = picture != null && picture.painted() != null;
    for (int i = 0; i < programs.size(); i++) {
      if (programs.get(i).isFor(schedule, request.clip(), isForeign, begins, leadsBack)) {
        return programs.get(i);
      }
    }
    if (known == null && picture != null) {
      known =
          owned.add(
              new KnownMemory(
                  device,
                  operations,
                  batch,
                  denoiser.height() * denoiser.width(),
                  denoiser.channels()));
    }
    SamplingProgram made =
        new SamplingProgram(
            device,
            operations,
            network,
            new SamplingProgram.Memory(
                noiseAddress, keptAddress, idsAddress, begins || leadsBack ? known : null),
            schedule,
            new SamplingKind(request.clip(), isForeign, begins, leadsBack),
            twoBranches,
            batch,
            imageValues,
            denoiser.channels());
    if (programs.size() == MOST_PROGRAMS) {
      programs.removeFirst().close();
    }
    programs.add(made);
    return made;
  }

  Plan plan() {
    return network.plan();
  }

  @Override
  public void close() {
    programs.forEach(SamplingProgram::close);
    programs.clear();
    owned.close();
  }
}
