package org.halfstep.device.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.halfstep.bindings.Kernel;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.Activation;
import org.halfstep.device.AdamSettings;
import org.halfstep.device.AttentionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.GroupNormShape;
import org.halfstep.device.KernelCall;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;

/**
 * Operations by our own kernels: each launch is one call of a native function with arguments made
 * beforehand. Devices differ in the library, in the stream, and in how they convolve.
 */
public abstract class KernelOperations implements Operations {
  private final KernelBinder kernels;
  private final Owned owned = new Owned();

  /**
   * @param kernels the device's kernels
   * @param stream the device's stream that all launches go to; null (address 0) on the CPU
   */
  protected KernelOperations(Kernels kernels, MemorySegment stream) {
    this.kernels = new KernelBinder(kernels, stream, owned.add(Arena.ofShared()));
  }

  /** Binds kernels, with arguments that this instance owns. */
  protected final KernelBinder kernels() {
    return kernels;
  }

  /** Keeps what was bound through this instance until it is closed. */
  protected final <T extends AutoCloseable> T own(T thing) {
    return owned.add(thing);
  }

  private BoundKernel bind(Kernel kernel) {
    return kernels.bind(kernel);
  }

  @Override
  public KernelCall kernel(String name) {
    return bind(Kernel.named(name));
  }

  // ---- Quantization

  @Override
  public Launch groupNormQuantize(
      GroupNormShape shape, GroupNormShape.Memory memory, long scale, long zeroPoint) {
    return norm(Kernel.GROUP_NORM_QUANTIZE, shape, memory).with("scale zero", scale, zeroPoint);
  }

  // ---- Norm and attention

  private BoundKernel norm(Kernel kernel, GroupNormShape shape, GroupNormShape.Memory memory) {
    return bind(kernel)
        .with("n hw c0 c1", shape.batch(), shape.pixels(), shape.channels0(), shape.channels1())
        .with("groups eps dtype", shape.groups(), shape.eps(), shape.type())
        .with("silu", shape.activation() == Activation.SILU)
        .with("x0 x1 weight bias", memory.x0(), memory.x1(), memory.weight(), memory.bias())
        .with("modulation modulation_stride", memory.modulation(), memory.modulationStride())
        .with("y stats workspace", memory.y(), memory.statistics(), memory.workspace());
  }

  @Override
  public long groupNormWorkspaceBytes(GroupNormShape shape, boolean backward) {
    return bind(Kernel.GROUP_NORM_FORWARD)
        .with("n hw c0 c1", shape.batch(), shape.pixels(), shape.channels0(), shape.channels1())
        .with("groups", shape.groups())
        .workspaceBytes(backward);
  }

  @Override
  public Launch groupNormForward(GroupNormShape shape, GroupNormShape.Memory memory) {
    return norm(Kernel.GROUP_NORM_FORWARD, shape, memory);
  }

  @Override
  public Launch groupNormBackward(
      GroupNormShape shape, GroupNormShape.Memory memory, GroupNormShape.Gradients gradients) {
    return norm(Kernel.GROUP_NORM_BACKWARD, shape, memory)
        .with("dy dx0 dx1", gradients.dy(), gradients.dx0(), gradients.dx1())
        .with("accumulate0 accumulate1", gradients.accumulate0(), gradients.accumulate1())
        .with("dweight dbias", gradients.dweight(), gradients.dbias())
        .with("dmodulation", gradients.dmodulation())
        .with("dmodulation_stride", gradients.dmodulationStride())
        .with("workspace", gradients.workspace());
  }

  @Override
  public Launch channelMoments(
      long x, long moments, int batch, int pixels, int channels, DataType type) {
    return bind(Kernel.CHANNEL_MOMENTS)
        .with("x moments n hw c dtype", x, moments, batch, pixels, channels, type);
  }

  @Override
  public Launch groupNormTable(
      GroupNormShape shape,
      GroupNormShape.Memory memory,
      long moments0,
      long moments1,
      long table) {
    return norm(Kernel.GROUP_NORM_TABLE, shape, memory)
        .with("moments0 moments1 table", moments0, moments1, table);
  }

  @Override
  public Launch groupNormApply(GroupNormShape shape, GroupNormShape.Memory memory, long table) {
    return norm(Kernel.GROUP_NORM_APPLY, shape, memory).with("table", table);
  }

  private BoundKernel attention(Kernel kernel, AttentionShape shape) {
    BoundKernel bound =
        bind(kernel)
            .with("n tq tk", shape.batch(), shape.queries(), shape.keys())
            .with("heads d scale", shape.heads(), shape.headWidth(), shape.scale())
            .with("causal dtype", shape.causal(), shape.type());
    AttentionShape.Layout layout = shape.layout();
    rows(bound, "q_sample q_row q_head", layout.q());
    rows(bound, "k_sample k_row k_head", layout.k());
    rows(bound, "v_sample v_row v_head", layout.v());
    return rows(bound, "y_sample y_row y_head", layout.y());
  }

  private static BoundKernel rows(BoundKernel bound, String names, AttentionShape.Rows rows) {
    return bound.with(names, rows.sample(), rows.row(), rows.head());
  }

  private BoundKernel attention(Kernel kernel, AttentionShape shape, AttentionShape.Memory memory) {
    return attention(kernel, shape)
        .with("q k v y", memory.q(), memory.k(), memory.v(), memory.y())
        .with("lengths logsumexp", memory.lengths(), memory.logSumExp())
        .with("workspace", memory.workspace());
  }

  @Override
  public long attentionWorkspaceBytes(AttentionShape shape, boolean backward) {
    return attention(Kernel.ATTENTION_FORWARD, shape).workspaceBytes(backward);
  }

  @Override
  public Launch attentionForward(AttentionShape shape, AttentionShape.Memory memory) {
    return attention(Kernel.ATTENTION_FORWARD, shape, memory);
  }

  @Override
  public Launch attentionBackward(
      AttentionShape shape, AttentionShape.Memory memory, AttentionShape.Gradients gradients) {
    return attention(Kernel.ATTENTION_BACKWARD, shape, memory)
        .with("dy dq dk dv", gradients.dy(), gradients.dq(), gradients.dk(), gradients.dv())
        .with("workspace", gradients.workspace());
  }

  // ---- Elementwise

  @Override
  public Launch add(long a, long b, long y, long count, DataType type) {
    return bind(Kernel.ADD).with("a b y count dtype", a, b, y, count, type);
  }

  @Override
  public Launch convert(
      long source, DataType sourceType, long destination, DataType destinationType, long count) {
    return bind(Kernel.CONVERT)
        .with("src src_dtype dst", source, sourceType, destination)
        .with("dst_dtype count", destinationType, count);
  }

  // ---- Per-sample arithmetic

  @Override
  public Launch linearCombination(
      long y, long[] xs, long coefficients, int batch, long perSample, DataType type) {
    if (xs.length < 1 || xs.length > 4) {
      throw new IllegalArgumentException(
          "a linear combination takes 1 to 4 terms, got " + xs.length);
    }
    BoundKernel bound =
        bind(Kernel.LINEAR_COMBINATION)
            .with("y terms coefficients dtype", y, xs.length, coefficients, type)
            .with("n per_sample", batch, perSample);
    for (int k = 0; k < xs.length; k++) {
      bound.with("x" + k, xs[k]);
    }
    return bound;
  }

  @Override
  public Launch squaredDistance(
      long a, long b, long out, int batch, long perSample, DataType type) {
    return bind(Kernel.SQUARED_DISTANCE)
        .with("a b out n per_sample dtype", a, b, out, batch, perSample, type);
  }

  @Override
  public Launch clamp(long x, long y, float low, float high, long count, DataType type) {
    return bind(Kernel.CLAMP).with("x y low high count dtype", x, y, low, high, count, type);
  }

  @Override
  public Launch softmaxCrossEntropy(
      long logits, long ids, long losses, long dlogits, float dloss, int batch, int classes) {
    return bind(Kernel.SOFTMAX_CROSS_ENTROPY)
        .with("logits ids losses dlogits dloss n", logits, ids, losses, dlogits, dloss, batch)
        .with("classes", classes);
  }

  // ---- Optimizer

  @Override
  public Launch adam(
      AdamSettings settings,
      long values,
      long squareSum,
      long parameters,
      long gradients,
      long m,
      long v,
      long ema,
      long count) {
    return bind(Kernel.ADAM_STEP)
        .with("beta1 beta2 eps", settings.beta1(), settings.beta2(), settings.eps())
        .with("weight_decay decoupled", settings.weightDecay(), settings.decoupled())
        .with("state seed", settings.state(), settings.seed())
        .with("values square_sum count", values, squareSum, count)
        .with("p g m v ema", parameters, gradients, m, v, ema);
  }

  @Override
  public long squareSumWorkspaceBytes(long count) {
    return bind(Kernel.SQUARE_SUM).with("count", count).workspaceBytes(false);
  }

  @Override
  public Launch squareSum(long x, long out, long workspace, long count) {
    return bind(Kernel.SQUARE_SUM).with("x out workspace count", x, out, workspace, count);
  }

  // ---- Random numbers

  @Override
  public Launch normal(long y, long key, long sampleIds, int batch, long perSample, DataType type) {
    return bind(Kernel.PHILOX_NORMAL)
        .with("y key sample_ids n per_sample", y, key, sampleIds, batch, perSample)
        .with("dtype", type);
  }

  @Override
  public void close() {
    owned.close();
  }
}
