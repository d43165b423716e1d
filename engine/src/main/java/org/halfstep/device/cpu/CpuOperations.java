package org.halfstep.device.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.AdamStep;
import org.halfstep.device.AttentionShape;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.GroupNormShape;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.PoolShape;
import org.halfstep.device.Window;

/**
 * Operations on the CPU: each launch is one call of a native kernel with arguments made beforehand.
 */
final class CpuOperations implements Operations {
  private static final Kernels KERNELS = Kernels.cpu();

  /** The CPU's kernels run in the calling thread's parallel region; there is no stream. */
  private static final MemorySegment NO_STREAM = MemorySegment.NULL;

  private final OneDnnEngine engine;
  private final Arena arguments = Arena.ofShared();
  private final List<Convolution> convolutions = new ArrayList<>();

  CpuOperations(OneDnnEngine engine) {
    this.engine = engine;
  }

  private static MemorySegment at(long address) {
    return MemorySegment.ofAddress(address);
  }

  private static int code(DataType type) {
    return switch (type) {
      case F32, TF32 -> Kernels.HS_F32;
      case BF16 -> Kernels.HS_BF16;
    };
  }

  private static int flag(boolean value) {
    return value ? 1 : 0;
  }

  @Override
  public Convolution convolution(ConvolutionShape shape, DataType type, boolean training) {
    if (type == DataType.TF32) {
      throw new IllegalArgumentException(
          "a processor has no TF32 products: use precision f32 or bf16, or a CUDA device");
    }
    Convolution convolution =
        WinogradConvolution.suits(shape, type)
            ? new WinogradConvolution(shape, training)
            : OneDnnConvolution.create(engine, shape, type, training);
    convolutions.add(convolution);
    return convolution;
  }

  // ---- Norm and attention
  // -------------------------------------------------------------------------

  @Override
  public long groupNormWorkspaceBytes(GroupNormShape shape, boolean backward) {
    return KERNELS.hs_group_norm_workspace(
        shape.batch(), shape.pixels(), shape.channels(), shape.groups(), flag(backward));
  }

  @Override
  public Launch groupNormForward(GroupNormShape shape, GroupNormShape.Memory memory) {
    MemorySegment args =
        KernelArguments.groupNorm(arguments, shape, code(shape.type()), memory, null);
    return () -> KERNELS.hs_group_norm_forward(NO_STREAM, args);
  }

  @Override
  public Launch groupNormBackward(
      GroupNormShape shape, GroupNormShape.Memory memory, GroupNormShape.Gradients gradients) {
    MemorySegment args =
        KernelArguments.groupNorm(arguments, shape, code(shape.type()), memory, gradients);
    return () -> KERNELS.hs_group_norm_backward(NO_STREAM, args);
  }

  @Override
  public long attentionWorkspaceBytes(AttentionShape shape, boolean backward) {
    return KERNELS.hs_attention_workspace(
        shape.batch(), shape.tokens(), shape.heads(), shape.headChannels(), flag(backward));
  }

  @Override
  public Launch attentionForward(
      AttentionShape shape, long qkv, long y, long logSumExp, long workspace) {
    MemorySegment args = attention(shape, qkv, y, logSumExp, 0, 0, workspace);
    return () -> KERNELS.hs_attention_forward(NO_STREAM, args);
  }

  @Override
  public Launch attentionBackward(
      AttentionShape shape, long qkv, long y, long logSumExp, long dy, long dqkv, long workspace) {
    MemorySegment args = attention(shape, qkv, y, logSumExp, dy, dqkv, workspace);
    return () -> KERNELS.hs_attention_backward(NO_STREAM, args);
  }

  private MemorySegment attention(
      AttentionShape shape, long qkv, long y, long logSumExp, long dy, long dqkv, long workspace) {
    return KernelArguments.attention(
        arguments, shape, code(shape.type()), qkv, y, logSumExp, dy, dqkv, workspace);
  }

  // ---- Elementwise and resampling
  // -------------------------------------------------------------------

  @Override
  public Launch siluForward(long x, long y, long count, DataType type) {
    MemorySegment in = at(x);
    MemorySegment out = at(y);
    int dtype = code(type);
    return () -> KERNELS.hs_silu_forward(NO_STREAM, in, out, count, dtype);
  }

  @Override
  public Launch siluBackward(
      long x, long dy, long dx, boolean accumulate, long count, DataType type) {
    MemorySegment in = at(x);
    MemorySegment upstream = at(dy);
    MemorySegment out = at(dx);
    int add = flag(accumulate);
    int dtype = code(type);
    return () -> KERNELS.hs_silu_backward(NO_STREAM, in, upstream, out, add, count, dtype);
  }

  @Override
  public Launch add(long a, long b, long y, long count, DataType type) {
    MemorySegment first = at(a);
    MemorySegment second = at(b);
    MemorySegment out = at(y);
    int dtype = code(type);
    return () -> KERNELS.hs_add(NO_STREAM, first, second, out, count, dtype);
  }

  @Override
  public Launch upsampleForward(
      long x, long y, int batch, int height, int width, int channels, DataType type) {
    MemorySegment in = at(x);
    MemorySegment out = at(y);
    int dtype = code(type);
    return () ->
        KERNELS.hs_upsample2_forward(NO_STREAM, in, out, batch, height, width, channels, dtype);
  }

  @Override
  public Launch upsampleBackward(
      long dy,
      long dx,
      boolean accumulate,
      int batch,
      int height,
      int width,
      int channels,
      DataType type) {
    MemorySegment in = at(dy);
    MemorySegment out = at(dx);
    int add = flag(accumulate);
    int dtype = code(type);
    return () ->
        KERNELS.hs_upsample2_backward(
            NO_STREAM, in, out, add, batch, height, width, channels, dtype);
  }

  @Override
  public Launch downsampleForward(
      long x, long y, int batch, int height, int width, int channels, DataType type) {
    MemorySegment in = at(x);
    MemorySegment out = at(y);
    int dtype = code(type);
    return () ->
        KERNELS.hs_downsample2_forward(NO_STREAM, in, out, batch, height, width, channels, dtype);
  }

  @Override
  public Launch downsampleBackward(
      long dy,
      long dx,
      boolean accumulate,
      int batch,
      int height,
      int width,
      int channels,
      DataType type) {
    MemorySegment in = at(dy);
    MemorySegment out = at(dx);
    int add = flag(accumulate);
    int dtype = code(type);
    return () ->
        KERNELS.hs_downsample2_backward(
            NO_STREAM, in, out, add, batch, height, width, channels, dtype);
  }

  @Override
  public Launch pool(PoolShape shape, long x, long y) {
    MemorySegment in = at(x);
    MemorySegment out = at(y);
    int average = flag(shape.average());
    int dtype = code(shape.type());
    int n = shape.batch();
    int h = shape.height();
    int w = shape.width();
    int c = shape.channels();
    Window window = shape.window();
    return () ->
        KERNELS.hs_pool(
            NO_STREAM,
            in,
            out,
            average,
            window.height(),
            window.width(),
            window.stride(),
            window.rowPadding(),
            window.columnPadding(),
            n,
            h,
            w,
            c,
            dtype);
  }

  @Override
  public Launch copyColumns(
      long source,
      long sourceStride,
      long sourceOffset,
      long destination,
      long destinationStride,
      long destinationOffset,
      long rows,
      long columns,
      boolean accumulate,
      DataType type) {
    MemorySegment in = at(source);
    MemorySegment out = at(destination);
    int add = flag(accumulate);
    int dtype = code(type);
    return () ->
        KERNELS.hs_copy_columns(
            NO_STREAM,
            in,
            sourceStride,
            sourceOffset,
            out,
            destinationStride,
            destinationOffset,
            rows,
            columns,
            add,
            dtype);
  }

  @Override
  public Launch addPerChannel(
      long x, long e, long eStride, long y, int batch, int pixels, int channels, DataType type) {
    MemorySegment in = at(x);
    MemorySegment vector = at(e);
    MemorySegment out = at(y);
    int dtype = code(type);
    return () ->
        KERNELS.hs_add_per_channel(
            NO_STREAM, in, vector, eStride, out, batch, pixels, channels, dtype);
  }

  @Override
  public Launch sumPixels(
      long x, long out, long outStride, int batch, int pixels, int channels, DataType type) {
    MemorySegment in = at(x);
    MemorySegment sums = at(out);
    int dtype = code(type);
    return () ->
        KERNELS.hs_sum_pixels(NO_STREAM, in, sums, outStride, batch, pixels, channels, dtype);
  }

  @Override
  public Launch dropout(
      long x,
      long y,
      float probability,
      long seed,
      long sampleIds,
      long draw,
      int layer,
      int batch,
      long perSample,
      DataType type) {
    MemorySegment in = at(x);
    MemorySegment out = at(y);
    MemorySegment ids = at(sampleIds);
    MemorySegment drawPointer = at(draw);
    int dtype = code(type);
    return () ->
        KERNELS.hs_dropout(
            NO_STREAM,
            in,
            out,
            probability,
            seed,
            ids,
            drawPointer,
            layer,
            batch,
            perSample,
            dtype);
  }

  @Override
  public Launch convert(
      long source, DataType sourceType, long destination, DataType destinationType, long count) {
    MemorySegment in = at(source);
    MemorySegment out = at(destination);
    int from = code(sourceType);
    int to = code(destinationType);
    return () -> KERNELS.hs_convert(NO_STREAM, in, from, out, to, count);
  }

  // ---- Embeddings
  // -----------------------------------------------------------------------------------

  @Override
  public Launch sinusoid(long t, double scale, double maxPeriod, long y, int batch, int dimension) {
    MemorySegment in = at(t);
    MemorySegment out = at(y);
    return () -> KERNELS.hs_sinusoid(NO_STREAM, in, scale, maxPeriod, out, batch, dimension);
  }

  @Override
  public Launch embeddingForward(
      long table, long ids, long y, boolean accumulate, int batch, int rows, int dimension) {
    MemorySegment rowsOfTable = at(table);
    MemorySegment labels = at(ids);
    MemorySegment out = at(y);
    int add = flag(accumulate);
    return () ->
        KERNELS.hs_embedding_forward(
            NO_STREAM, rowsOfTable, labels, out, add, batch, rows, dimension);
  }

  @Override
  public Launch embeddingBackward(
      long dy, long ids, long dtable, int batch, int rows, int dimension) {
    MemorySegment upstream = at(dy);
    MemorySegment labels = at(ids);
    MemorySegment out = at(dtable);
    return () ->
        KERNELS.hs_embedding_backward(NO_STREAM, upstream, labels, out, batch, rows, dimension);
  }

  // ---- Per-sample arithmetic
  // --------------------------------------------------------------------------

  @Override
  public Launch linearCombination(
      long y, long[] xs, long coefficients, int batch, long perSample, DataType type) {
    if (xs.length < 1 || xs.length > 4) {
      throw new IllegalArgumentException(
          "a linear combination takes 1 to 4 terms, got " + xs.length);
    }
    MemorySegment out = at(y);
    int terms = xs.length;
    MemorySegment x0 = at(xs[0]);
    MemorySegment x1 = terms > 1 ? at(xs[1]) : MemorySegment.NULL;
    MemorySegment x2 = terms > 2 ? at(xs[2]) : MemorySegment.NULL;
    MemorySegment x3 = terms > 3 ? at(xs[3]) : MemorySegment.NULL;
    MemorySegment factors = at(coefficients);
    int dtype = code(type);
    return () ->
        KERNELS.hs_linear_combination(
            NO_STREAM, out, terms, x0, x1, x2, x3, factors, batch, perSample, dtype);
  }

  @Override
  public Launch squaredDistance(
      long a, long b, long out, int batch, long perSample, DataType type) {
    MemorySegment first = at(a);
    MemorySegment second = at(b);
    MemorySegment sums = at(out);
    int dtype = code(type);
    return () ->
        KERNELS.hs_squared_distance(NO_STREAM, first, second, sums, batch, perSample, dtype);
  }

  @Override
  public Launch clamp(long x, long y, float low, float high, long count, DataType type) {
    MemorySegment in = at(x);
    MemorySegment out = at(y);
    int dtype = code(type);
    return () -> KERNELS.hs_clamp(NO_STREAM, in, out, low, high, count, dtype);
  }

  @Override
  public Launch softmaxCrossEntropy(
      long logits, long ids, long losses, long dlogits, float dloss, int batch, int classes) {
    MemorySegment in = at(logits);
    MemorySegment labels = at(ids);
    MemorySegment out = at(losses);
    MemorySegment gradient = at(dlogits);
    return () ->
        KERNELS.hs_softmax_cross_entropy(
            NO_STREAM, in, labels, out, gradient, dloss, batch, classes);
  }

  // ---- Optimizer
  // --------------------------------------------------------------------------------------

  @Override
  public Launch adam(
      AdamStep step, long parameters, long gradients, long m, long v, long ema, long count) {
    MemorySegment args = KernelArguments.adam(arguments, parameters, gradients, m, v, ema, count);
    return () -> {
      KernelArguments.set(args, step);
      KERNELS.hs_adam_step(NO_STREAM, args);
    };
  }

  @Override
  public Launch emaUpdate(long ema, long parameters, double decay, long count) {
    MemorySegment average = at(ema);
    MemorySegment weights = at(parameters);
    return () -> KERNELS.hs_ema_update(NO_STREAM, average, weights, decay, count);
  }

  @Override
  public Launch squareSum(long x, long out, long count) {
    MemorySegment in = at(x);
    MemorySegment sum = at(out);
    return () -> KERNELS.hs_square_sum(NO_STREAM, in, sum, MemorySegment.NULL, count);
  }

  // ---- Random numbers
  // -----------------------------------------------------------------------------------

  @Override
  public Launch normal(long y, long key, long sampleIds, int batch, long perSample, DataType type) {
    MemorySegment out = at(y);
    MemorySegment ids = at(sampleIds);
    MemorySegment keyCell = HostMemory.at(key, Long.BYTES + Integer.BYTES);
    int dtype = code(type);
    return () ->
        KERNELS.hs_philox_normal(
            NO_STREAM,
            out,
            keyCell.get(ValueLayout.JAVA_LONG, 0),
            ids,
            keyCell.get(ValueLayout.JAVA_INT, Long.BYTES),
            batch,
            perSample,
            dtype);
  }

  @Override
  public void close() {
    convolutions.forEach(Convolution::close);
    convolutions.clear();
    if (arguments.scope().isAlive()) {
      arguments.close();
    }
  }
}
