package org.halfstep.sample;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.device.Slab;
import org.halfstep.diffusion.Solver;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.latent.LatentUNetPorts;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;

/**
 * A latent UNet for latents of one size. Before a request is sampled it is given the contexts of
 * the request's texts, and what an inpainting network sees beside the latent.
 */
final class LatentDenoiser implements Denoiser {
  private final Network<LatentUNetConfig, ModelCard> network;
  private final LatentSampling sampling;
  private final LatentUNetConfig config;
  private final Graph graph;
  private MemorySegment contexts;
  private MemorySegment unconditional;
  private MemorySegment beside;

  /**
   * @param network stays the caller's
   * @param sampling when solvers evaluate it
   */
  LatentDenoiser(
      Network<LatentUNetConfig, ModelCard> network,
      LatentSampling sampling,
      int height,
      int width) {
    this.network = network;
    this.sampling = sampling;
    LatentUNetConfig own = network.architecture();
    this.config = own.withSize(height, width, own.tokens());
    this.graph = network.graph(config);
  }

  @Override
  public Device device() {
    return network.device();
  }

  @Override
  public ModelCard card() {
    return network.card();
  }

  @Override
  public int height() {
    return config.height();
  }

  @Override
  public int width() {
    return config.width();
  }

  @Override
  public int channels() {
    return config.network().outChannels();
  }

  /** Channels that an inpainting network sees beside the latent; 0 for others. */
  int besideChannels() {
    return config.network().inChannels() - channels();
  }

  @Override
  public TimeGrid grid(Solver solver, TimeGrid.Spacing spacing, TimeGrid.End end) {
    return sampling.grid(solver, spacing, end);
  }

  /**
   * Sets what the images of the next request show.
   *
   * @param texts float32 {@code [images, tokens, width]}
   * @param without the same of what guidance leads away from
   */
  void setContexts(MemorySegment texts, MemorySegment without) {
    contexts = texts;
    unconditional = without;
  }

  /**
   * Sets what an inpainting network sees beside the latents of the next request.
   *
   * @param values float32 {@code [images, height, width, besideChannels]}
   */
  void setBeside(MemorySegment values) {
    beside = values;
  }

  @Override
  public void requireCondition(SampleRequest request) {
    LatentConditions.require(config.network(), request);
  }

  @Override
  public Evaluation evaluation(Device stream, int batch, int branches, DataType type) {
    return new Bound(stream, batch, branches, type);
  }

  private final class Bound implements Evaluation {
    private final Owned owned = new Owned();
    private final int batch;
    private final int branches;
    private final LatentUNetPorts ports;
    private final Plan plan;
    private final HostView context;
    private final HostView labels;
    private final HostView guidance;
    private final HostView x;
    private final long z;

    private Bound(Device stream, int batch, int branches, DataType type) {
      this.batch = batch;
      this.branches = branches;
      this.ports = config.ports(graph);
      int rows = branches * batch;
      try {
        this.plan =
            owned.add(
                Plan.inference(
                    stream, graph, PlanOptions.inference(rows).withType(type), network.values()));
        plan.prepare();
        this.context =
            ports.context() == null
                ? null
                : view(plan.address(ports.context()), rows * contextBytes());
        this.labels =
            ports.labels() == null
                ? null
                : view(plan.address(ports.labels()), (long) Integer.BYTES * rows);
        this.guidance =
            ports.guidance() == null
                ? null
                : view(plan.address(ports.guidance()), (long) Float.BYTES * rows);
        if (besideChannels() == 0) {
          this.x = null;
          this.z = plan.address(ports.x());
        } else {
          this.x =
              view(
                  plan.address(ports.x()),
                  (long) Float.BYTES * rows * pixels() * config.network().inChannels());
          Slab latents =
              owned.add(
                  stream.allocate("latents of a batch", (long) Float.BYTES * batch * values()));
          this.z = latents.address();
        }
      } catch (RuntimeException | Error failure) {
        owned.close();
        throw failure;
      }
    }

    private HostView view(long address, long bytes) {
      return owned.add(plan.device().view(address, bytes));
    }

    private int pixels() {
      return height() * width();
    }

    private long contextBytes() {
      return (long) Float.BYTES * config.tokens() * config.network().context();
    }

    @Override
    public Plan plan() {
      return plan;
    }

    @Override
    public long z() {
      return z;
    }

    @Override
    public long time() {
      return plan.address(ports.time());
    }

    @Override
    public long out() {
      return plan.address(ports.out());
    }

    @Override
    public List<Launch> feed(Operations operations) {
      List<Launch> launches = new ArrayList<>();
      long count = (long) batch * values();
      if (x == null) {
        if (branches == 2) {
          launches.add(
              operations.convert(z, DataType.F32, z + Float.BYTES * count, DataType.F32, count));
        }
        return launches;
      }
      int columns = config.network().inChannels();
      for (int branch = 0; branch < branches; branch++) {
        long rows = (long) batch * pixels();
        launches.add(
            operations
                .kernel("copy_columns")
                .with("rows columns dtype", rows, (long) channels(), DataType.F32)
                .with("src src_stride", z, (long) channels())
                .with("dst", plan.address(ports.x()) + Float.BYTES * branch * rows * columns)
                .with("dst_stride", (long) columns));
      }
      return launches;
    }

    @Override
    public void set(SampleRequest request, int first, double time) {
      for (int row = 0; row < batch; row++) {
        for (int branch = 0; branch < branches; branch++) {
          set(request, first + row, branch, branch * batch + row);
        }
      }
      push(context);
      push(labels);
      push(guidance);
      push(x);
    }

    private static void push(HostView view) {
      if (view != null) {
        view.push();
      }
    }

    private void set(SampleRequest request, int image, int branch, int row) {
      if (context != null) {
        MemorySegment from = branch == 0 ? contexts : unconditional;
        MemorySegment.copy(
            from, image * contextBytes(), context.memory(), row * contextBytes(), contextBytes());
      }
      if (labels != null) {
        int none = config.network().classRows() - 1;
        labels
            .memory()
            .setAtIndex(ValueLayout.JAVA_INT, row, branch == 0 ? request.labels()[image] : none);
      }
      if (guidance != null) {
        guidance.memory().setAtIndex(ValueLayout.JAVA_FLOAT, row, (float) request.guidance());
      }
      if (x != null) {
        setBeside(image, row);
      }
    }

    private void setBeside(int image, int row) {
      int extra = besideChannels();
      int columns = config.network().inChannels();
      long perImage = (long) Float.BYTES * pixels() * extra;
      long from = image * perImage;
      for (int pixel = 0; pixel < pixels(); pixel++) {
        long to = (long) Float.BYTES * (((long) row * pixels() + pixel) * columns + channels());
        MemorySegment.copy(
            beside,
            from + (long) Float.BYTES * pixel * extra,
            x.memory(),
            to,
            (long) Float.BYTES * extra);
      }
    }

    @Override
    public void close() {
      owned.close();
    }
  }
}
