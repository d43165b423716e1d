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
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.NetworkInputs;
import org.halfstep.model.UNetConfig;
import org.halfstep.model.UNetPorts;

/**
 * Sampling of one batch size, prepared, on a stream of its own. z lives in the plan's image input.
 * A guided teacher runs as one batch of twice the size: rows with labels first, rows with the null
 * label after them. The sequences of recent schedules are kept; with one of them, nothing is
 * allocated.
 */
final class SamplingLoop implements AutoCloseable {
  private static final int MOST_PROGRAMS = 4;

  private final Owned owned = new Owned();
  private final int batch;
  private final int imageValues;
  private final boolean twoBranches;
  private final int nullLabel;
  private final Device device;
  private final Plan plan;
  private final Operations operations;
  private final NetworkInputs inputs;
  private final HostView z;
  private final HostView ids;
  private final SamplingProgram.Memory memory;

  /** The latest last. */
  private final List<SamplingProgram> programs = new ArrayList<>();

  /**
   * @param twoBranches whether the network is evaluated with and without label and the two are
   *     combined
   */
  SamplingLoop(
      Network<UNetConfig, ModelCard> network, int batch, boolean twoBranches, DataType type) {
    this.batch = batch;
    this.twoBranches = twoBranches;
    UNetConfig config = network.architecture();
    UNetPorts ports = config.ports(network.graph());
    this.nullLabel = config.isConditional() ? config.numClasses() : 0;
    try {
      this.device = owned.add(network.device().stream());
      this.plan =
          owned.add(
              Plan.inference(
                  device,
                  network.graph(),
                  PlanOptions.inference(twoBranches ? 2 * batch : batch).withType(type),
                  network.values()));
      plan.prepare();
      this.operations = owned.add(device.operations());
      this.inputs = owned.add(new NetworkInputs(network, plan));
      int side = config.imageSize();
      this.imageValues = side * side * config.inChannels();
      long imageBytes = (long) Float.BYTES * batch * imageValues;
      this.z = owned.add(device.view(plan.address(ports.x()), imageBytes));
      SlabLayout room = new SlabLayout();
      SlabLayout.Part noise = room.bytes(imageBytes);
      SlabLayout.Part image = room.bytes(imageBytes);
      SlabLayout.Part otherImage = room.bytes(imageBytes);
      SlabLayout.Part numbers = room.longs(batch);
      owned.add(room.allocate(device, "sampling"));
      this.ids = owned.add(numbers.window());
      this.memory =
          new SamplingProgram.Memory(
              plan.address(ports.x()),
              plan.address(ports.time()),
              plan.address(ports.out()),
              noise.address(),
              image.address(),
              otherImage.address(),
              numbers.address());
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  /**
   * Samples {@code batch} images of a request.
   *
   * @param first index in the request of the first
   * @param destination float32 NHWC in [-1, 1] (up to overshoot)
   * @param offset bytes into {@code destination}
   * @param cancellation asked before each evaluation
   * @throws NotFiniteException when a number of an image is not finite; nothing is written then
   */
  void run(
      SampleRequest request,
      int first,
      PreparedSchedule schedule,
      MemorySegment destination,
      long offset,
      Cancellation cancellation) {
    SamplingProgram program = program(schedule, request.clip());
    double time = schedule.step(0).time();
    int[] labels = request.labels();
    for (int row = 0; row < batch; row++) {
      ids.memory().setAtIndex(ValueLayout.JAVA_LONG, row, request.firstImage() + first + row);
      inputs.set(row, time, labels[first + row], request.guidance());
      if (twoBranches) {
        inputs.set(batch + row, time, nullLabel, request.guidance());
      }
    }
    ids.push();
    inputs.push();
    program.run(request.seed(), request.guidance(), cancellation);
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

  private SamplingProgram program(PreparedSchedule schedule, boolean clip) {
    for (int i = 0; i < programs.size(); i++) {
      if (programs.get(i).isFor(schedule, clip)) {
        return programs.get(i);
      }
    }
    SamplingProgram made =
        new SamplingProgram(
            device, operations, plan, memory, schedule, clip, twoBranches, batch, imageValues);
    if (programs.size() == MOST_PROGRAMS) {
      programs.removeFirst().close();
    }
    programs.add(made);
    return made;
  }

  Plan plan() {
    return plan;
  }

  @Override
  public void close() {
    programs.forEach(SamplingProgram::close);
    programs.clear();
    owned.close();
  }
}
