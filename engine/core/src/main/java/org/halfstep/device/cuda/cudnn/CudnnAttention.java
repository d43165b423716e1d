package org.halfstep.device.cuda.cudnn;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import org.halfstep.device.AttentionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.Owned;
import org.halfstep.device.cuda.library.LibraryAttention;
import org.halfstep.device.cuda.library.Scratch;

/** {@link LibraryAttention} by cuDNN, in bfloat16. */
final class CudnnAttention implements LibraryAttention {
  /** The first cuDNN whose backward pass takes any number of tokens without a mask. */
  private static final long LEAST_VERSION = 91_600;

  /** Below, the library's tiles of 64 or more tokens would be mostly empty. */
  private static final int LEAST_TOKENS = 64;

  /** What its engines have on every GPU. */
  private static final int MOST_CHANNELS = 128;

  /** Tensor cores read 16 bytes at once. */
  private static final int CHANNEL_MULTIPLE = 8;

  /** Room for plans beside the tensors that a pass needs; most ask for a few hundred bytes. */
  private static final long WORKSPACE = 1L << 20;

  /** Beyond, a backward pass is ours, which keeps no gradients of scores. */
  private static final long MOST_WORKSPACE = 2L << 30;

  private final CudnnLibrary library;
  private final WantedPlans plans;
  private final MemorySegment stream;
  private final AttentionShape shape;
  private final CudnnAttentionGraph gradient;
  private final boolean training;
  private final Owned owned = new Owned();
  private final MemorySegment factor;
  private final MemorySegment one;

  /**
   * @param training whether there is a backward pass
   */
  CudnnAttention(
      CudnnLibrary library,
      WantedPlans plans,
      MemorySegment stream,
      AttentionShape shape,
      boolean training) {
    this.library = library;
    this.plans = plans;
    this.stream = stream;
    this.shape = shape;
    this.gradient = new CudnnAttentionGraph(CudnnAttentionGraph.Kind.BACKWARD, shape);
    this.training = training;
    Arena numbers = owned.add(Arena.ofShared());
    this.factor = numbers.allocateFrom(ValueLayout.JAVA_FLOAT, shape.scale());
    this.one = numbers.allocateFrom(ValueLayout.JAVA_FLOAT, 1);
  }

  /**
   * Whether a shape is left to cuDNN.
   *
   * @param version of cuDNN, major * 10000 + minor * 100 + patch level
   */
  static boolean suits(AttentionShape shape, long version) {
    return version >= LEAST_VERSION
        && shape.type() == DataType.BF16
        && !shape.causal()
        && !shape.padded()
        && shape.queries() >= LEAST_TOKENS
        && shape.keys() >= LEAST_TOKENS
        && shape.headWidth() % CHANNEL_MULTIPLE == 0
        && shape.headWidth() <= MOST_CHANNELS
        && isAligned(shape.layout().q())
        && isAligned(shape.layout().k())
        && isAligned(shape.layout().v())
        && isAligned(shape.layout().y());
  }

  private static boolean isAligned(AttentionShape.Rows rows) {
    return rows.sample() % CHANNEL_MULTIPLE == 0
        && rows.row() % CHANNEL_MULTIPLE == 0
        && rows.head() % CHANNEL_MULTIPLE == 0;
  }

  /** Which plans will be needed is only likely by now: a network's convolutions tell. */
  @Override
  public long forwardWorkspaceBytes() {
    plans.announce(
        forward(
            plans.training()
                ? CudnnAttentionGraph.Kind.FORWARD
                : CudnnAttentionGraph.Kind.INFERENCE));
    if (plans.training() && training) {
      plans.announce(backward());
    }
    return WORKSPACE;
  }

  private PlanRequest forward(CudnnAttentionGraph.Kind kind) {
    return new PlanRequest(new CudnnAttentionGraph(kind, shape), WORKSPACE);
  }

  @Override
  public Optional<Launch> forward(AttentionShape.Memory memory) {
    Optional<CudnnPlan> plan =
        plans.find(
            forward(
                memory.logSumExp() == 0
                    ? CudnnAttentionGraph.Kind.INFERENCE
                    : CudnnAttentionGraph.Kind.FORWARD));
    if (plan.isEmpty()) {
      return Optional.empty();
    }
    long[] ids = {
      CudnnAttentionGraph.Q,
      CudnnAttentionGraph.K,
      CudnnAttentionGraph.V,
      CudnnAttentionGraph.Y,
      CudnnAttentionGraph.FACTOR,
      CudnnAttentionGraph.STATISTICS
    };
    long[] addresses = {
      memory.q(), memory.k(), memory.v(), memory.y(), factor.address(), memory.logSumExp()
    };
    return Optional.of(run(plan.get(), ids, addresses, memory.workspace()));
  }

  private PlanRequest backward() {
    return new PlanRequest(
        gradient, Math.min(WORKSPACE + gradient.scoreGradientBytes(), MOST_WORKSPACE));
  }

  private Optional<CudnnPlan> backwardPlan() {
    return training ? plans.find(backward()) : Optional.empty();
  }

  /** The plan's own workspace, and the sums over rows. */
  @Override
  public long backwardWorkspaceBytes() {
    return backwardPlan()
        .map(
            plan ->
                Scratch.rounded(plan.workspaceBytes()) + Scratch.rounded(gradient.rowSumBytes()))
        .orElse(0L);
  }

  @Override
  public Optional<Launch> backward(
      AttentionShape.Memory memory, AttentionShape.Gradients gradients) {
    Optional<CudnnPlan> plan = backwardPlan();
    if (plan.isEmpty()) {
      return Optional.empty();
    }
    long rowSums = gradients.workspace() + Scratch.rounded(plan.get().workspaceBytes());
    long[] ids = {
      CudnnAttentionGraph.Q,
      CudnnAttentionGraph.K,
      CudnnAttentionGraph.V,
      CudnnAttentionGraph.Y,
      CudnnAttentionGraph.STATISTICS,
      CudnnAttentionGraph.DQ,
      CudnnAttentionGraph.DK,
      CudnnAttentionGraph.DV,
      CudnnAttentionGraph.DY,
      CudnnAttentionGraph.ROW_SUMS,
      CudnnAttentionGraph.FACTOR,
      CudnnAttentionGraph.ONE
    };
    long[] addresses = {
      memory.q(),
      memory.k(),
      memory.v(),
      memory.y(),
      memory.logSumExp(),
      gradients.dq(),
      gradients.dk(),
      gradients.dv(),
      gradients.dy(),
      rowSums,
      factor.address(),
      one.address()
    };
    return Optional.of(run(plan.get(), ids, addresses, gradients.workspace()));
  }

  private Launch run(CudnnPlan plan, long[] ids, long[] addresses, long workspace) {
    CudnnDescriptor memory = owned.add(CudnnPlan.variantPack(ids, addresses, workspace));
    return () -> library.execute(stream, plan, memory);
  }

  @Override
  public void close() {
    owned.close();
  }
}
