package org.halfstep.latent;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Owned;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;

/**
 * One half of a first stage as it runs: its weights, and a plan for one image of the size that was
 * asked for last. Of two sizes, weights are packed once.
 */
final class RunningHalf implements AutoCloseable {
  private final Network<? extends FirstStageHalf, ComponentCard> network;
  private final FirstStageHalf half;
  private final DataType precision;
  private final Tiling tiling;
  private Sized plan;

  /** What the tiles of a picture were put together in; not the device's. */
  private MemorySegment whole = MemorySegment.NULL;

  /**
   * @param network closed with this
   * @param tiling null for none
   */
  RunningHalf(
      Network<? extends FirstStageHalf, ComponentCard> network, DataType precision, Tiling tiling) {
    this.network = network;
    this.half = network.architecture();
    this.precision = precision;
    this.tiling = tiling;
  }

  FirstStageHalf half() {
    return half;
  }

  /** A plan of one size. */
  private static final class Sized implements AutoCloseable {
    private final Owned owned = new Owned();
    private final Tiling.Window all;
    private final Plan plan;
    private final HostView in;
    private final HostView out;

    Sized(
        Network<? extends FirstStageHalf, ComponentCard> network,
        int height,
        int width,
        DataType precision) {
      this.all = new Tiling.Window(0, 0, height, width);
      try {
        Device stream = owned.add(network.device().stream());
        FirstStageHalf half = network.architecture().sized(height, width);
        Graph graph = half.graph();
        AutoencoderPorts ports = half.ports(graph);
        this.plan =
            owned.add(
                Plan.inference(
                    stream, graph, PlanOptions.inference(1).withType(precision), network.values()));
        plan.prepare();
        this.in = owned.add(view(stream, plan.address(ports.in()), plan.count(ports.in())));
        this.out = owned.add(view(stream, plan.address(ports.out()), plan.count(ports.out())));
      } catch (RuntimeException | Error failure) {
        owned.close();
        throw failure;
      }
    }

    private static HostView view(Device device, long address, long count) {
      return device.view(address, Float.BYTES * count);
    }

    @Override
    public void close() {
      owned.close();
    }
  }

  /** The plan for a size. The one before keeps the packed weights until this one has them. */
  private Sized sized(int height, int width) {
    if (plan == null || plan.all.height() != height || plan.all.width() != width) {
      Sized made = new Sized(network, height, width, precision);
      closePlan();
      plan = made;
    }
    return plan;
  }

  /**
   * Runs one image or latent.
   *
   * @param from float32
   * @param first index of its first number there
   * @param rows of the latent
   * @param columns of the latent
   * @return the network's numbers, float32, until the next run
   */
  MemorySegment run(MemorySegment from, long first, int rows, int columns) {
    if (tiling == null || !tiling.cuts(rows, columns)) {
      return run(from, first, columns, sized(rows, columns).all);
    }
    long bytes =
        (long) Float.BYTES * half.outUnit() * half.outUnit() * rows * columns * half.outChannels();
    if (whole.byteSize() != bytes) {
      whole = Arena.ofAuto().allocate(bytes, Float.BYTES);
    }
    tiling.assemble(
        rows,
        columns,
        half.outUnit(),
        half.outChannels(),
        (window, tile) -> tile.copyFrom(run(from, first, columns, window)),
        whole);
    return whole;
  }

  /** Runs a window of an image or latent of this many columns. */
  private MemorySegment run(MemorySegment from, long first, int columns, Tiling.Window window) {
    Sized sized = sized(window.height(), window.width());
    MemorySegment to = sized.in.memory();
    int unit = half.inUnit();
    long row = (long) unit * columns * half.inChannels();
    long part = (long) unit * window.width() * half.inChannels();
    long corner =
        first + unit * window.top() * row + (long) unit * window.left() * half.inChannels();
    for (int y = 0; y < unit * window.height(); y++) {
      for (long i = 0; i < part; i++) {
        long at = Float.BYTES * (corner + y * row + i);
        float number = from.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at);
        to.setAtIndex(ValueLayout.JAVA_FLOAT, y * part + i, (float) half.in(number));
      }
    }
    sized.in.push();
    sized.plan.forward();
    sized.out.pull();
    return sized.out.memory();
  }

  /** Gives back the plan, and with it the packed weights. */
  void release() {
    closePlan();
    whole = MemorySegment.NULL;
  }

  private void closePlan() {
    if (plan != null) {
      plan.close();
      plan = null;
    }
  }

  @Override
  public void close() {
    release();
    network.close();
  }
}
