package org.halfstep.device.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.AdamSettings;
import org.halfstep.device.AttentionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.GroupNormShape;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.device.PoolShape;
import org.halfstep.device.Window;

/**
 * Operations by our own kernels: each launch is one call of a native function with arguments made
 * beforehand. Devices differ in the library, in the stream, and in how they convolve.
 */
public abstract class KernelOperations implements Operations {
  private final Kernels kernels;
  private final MemorySegment stream;
  private final Owned owned = new Owned();
  private final Arena arguments = owned.add(Arena.ofShared());

  /**
   * @param kernels the device's kernels
   * @param stream the device's stream that all launches go to; null (address 0) on the CPU
   */
  protected KernelOperations(Kernels kernels, MemorySegment stream) {
    this.kernels = kernels;
    this.stream = stream;
  }

  /** An address as the kernels take it. */
  protected static MemorySegment at(long address) {
    return MemorySegment.ofAddress(address);
  }

  /** A type as the kernels name it. */
  protected static int code(DataType type) {
    return switch (type) {
      case F32, TF32 -> Kernels.HS_F32;
      case BF16 -> Kernels.HS_BF16;
      case U8 -> Kernels.HS_U8;
    };
  }

  private static int flag(boolean value) {
    return value ? 1 : 0;
  }

  /** Keeps what was bound through this instance until it is closed. */
  protected final <T extends AutoCloseable> T own(T thing) {
    return owned.add(thing);
  }

  // ---- Quantization
  // ----------------------------------------------------------------------------------

  @Override
  public Launch groupNormQuantize(
      GroupNormShape shape, GroupNormShape.Memory memory, long scale, long zeroPoint) {
    MemorySegment args =
        KernelArguments.groupNorm(arguments, shape, code(shape.type()), memory, null);
    MemorySegment step = at(scale);
    MemorySegment zero = at(zeroPoint);
    return () -> kernels.hs_group_norm_quantize(stream, args, step, zero);
  }

  @Override
  public Launch quantize(
      long x0,
      long x1,
      long y,
      long scale,
      long zeroPoint,
      long rows,
      int channels0,
      int channels1,
      DataType type) {
    MemorySegment first = at(x0);
    MemorySegment second = at(x1);
    MemorySegment out = at(y);
    MemorySegment step = at(scale);
    MemorySegment zero = at(zeroPoint);
    int dtype = code(type);
    return () ->
        kernels.hs_quantize(
            stream, first, second, out, step, zero, rows, channels0, channels1, dtype);
  }

  // ---- Norm and attention
  // -------------------------------------------------------------------------

  @Override
  public long groupNormWorkspaceBytes(GroupNormShape shape, boolean backward) {
    return kernels.hs_group_norm_workspace(
        shape.batch(), shape.pixels(), shape.channels(), shape.groups(), flag(backward));
  }

  @Override
  public Launch groupNormForward(GroupNormShape shape, GroupNormShape.Memory memory) {
    MemorySegment args =
        KernelArguments.groupNorm(arguments, shape, code(shape.type()), memory, null);
    return () -> kernels.hs_group_norm_forward(stream, args);
  }

  @Override
  public Launch groupNormBackward(
      GroupNormShape shape, GroupNormShape.Memory memory, GroupNormShape.Gradients gradients) {
    MemorySegment args =
        KernelArguments.groupNorm(arguments, shape, code(shape.type()), memory, gradients);
    return () -> kernels.hs_group_norm_backward(stream, args);
  }

  @Override
  public Launch channelMoments(
      long x, long moments, int batch, int pixels, int channels, DataType type) {
    MemorySegment in = at(x);
    MemorySegment out = at(moments);
    int dtype = code(type);
    return () -> kernels.hs_channel_moments(stream, in, out, batch, pixels, channels, dtype);
  }

  @Override
  public Launch groupNormTable(
      GroupNormShape shape,
      GroupNormShape.Memory memory,
      long moments0,
      long moments1,
      long table) {
    MemorySegment args =
        KernelArguments.groupNorm(arguments, shape, code(shape.type()), memory, null);
    MemorySegment first = at(moments0);
    MemorySegment second = at(moments1);
    MemorySegment out = at(table);
    return () -> kernels.hs_group_norm_table(stream, args, first, second, out);
  }

  @Override
  public Launch groupNormApply(GroupNormShape shape, GroupNormShape.Memory memory, long table) {
    MemorySegment args =
        KernelArguments.groupNorm(arguments, shape, code(shape.type()), memory, null);
    MemorySegment factors = at(table);
    return () -> kernels.hs_group_norm_apply(stream, args, factors);
  }

  @Override
  public long attentionWorkspaceBytes(AttentionShape shape, boolean backward) {
    return kernels.hs_attention_workspace(
        shape.batch(), shape.tokens(), shape.heads(), shape.headChannels(), flag(backward));
  }

  @Override
  public Launch attentionForward(
      AttentionShape shape, long qkv, long y, long logSumExp, long workspace) {
    MemorySegment args = attention(shape, qkv, y, logSumExp, 0, 0, workspace);
    return () -> kernels.hs_attention_forward(stream, args);
  }

  @Override
  public Launch attentionBackward(
      AttentionShape shape, long qkv, long y, long logSumExp, long dy, long dqkv, long workspace) {
    MemorySegment args = attention(shape, qkv, y, logSumExp, dy, dqkv, workspace);
    return () -> kernels.hs_attention_backward(stream, args);
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
    return () -> kernels.hs_silu_forward(stream, in, out, count, dtype);
  }

  @Override
  public Launch siluBackward(
      long x, long dy, long dx, boolean accumulate, long count, DataType type) {
    MemorySegment in = at(x);
    MemorySegment upstream = at(dy);
    MemorySegment out = at(dx);
    int add = flag(accumulate);
    int dtype = code(type);
    return () -> kernels.hs_silu_backward(stream, in, upstream, out, add, count, dtype);
  }

  @Override
  public Launch add(long a, long b, long y, long count, DataType type) {
    MemorySegment first = at(a);
    MemorySegment second = at(b);
    MemorySegment out = at(y);
    int dtype = code(type);
    return () -> kernels.hs_add(stream, first, second, out, count, dtype);
  }

  @Override
  public Launch upsampleForward(
      long x, long y, int batch, int height, int width, int channels, DataType type) {
    MemorySegment in = at(x);
    MemorySegment out = at(y);
    int dtype = code(type);
    return () ->
        kernels.hs_upsample2_forward(stream, in, out, batch, height, width, channels, dtype);
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
        kernels.hs_upsample2_backward(stream, in, out, add, batch, height, width, channels, dtype);
  }

  @Override
  public Launch downsampleForward(
      long x, long y, int batch, int height, int width, int channels, DataType type) {
    MemorySegment in = at(x);
    MemorySegment out = at(y);
    int dtype = code(type);
    return () ->
        kernels.hs_downsample2_forward(stream, in, out, batch, height, width, channels, dtype);
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
        kernels.hs_downsample2_backward(
            stream, in, out, add, batch, height, width, channels, dtype);
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
        kernels.hs_pool(
            stream,
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
        kernels.hs_copy_columns(
            stream,
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
        kernels.hs_add_per_channel(
            stream, in, vector, eStride, out, batch, pixels, channels, dtype);
  }

  @Override
  public Launch sumPixels(
      long x, long out, long outStride, int batch, int pixels, int channels, DataType type) {
    MemorySegment in = at(x);
    MemorySegment sums = at(out);
    int dtype = code(type);
    return () -> kernels.hs_sum_pixels(stream, in, sums, outStride, batch, pixels, channels, dtype);
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
        kernels.hs_dropout(
            stream, in, out, probability, seed, ids, drawPointer, layer, batch, perSample, dtype);
  }

  @Override
  public Launch convert(
      long source, DataType sourceType, long destination, DataType destinationType, long count) {
    MemorySegment in = at(source);
    MemorySegment out = at(destination);
    int from = code(sourceType);
    int to = code(destinationType);
    return () -> kernels.hs_convert(stream, in, from, out, to, count);
  }

  // ---- Embeddings
  // -----------------------------------------------------------------------------------

  @Override
  public Launch sinusoid(long t, double scale, double maxPeriod, long y, int batch, int dimension) {
    MemorySegment in = at(t);
    MemorySegment out = at(y);
    return () -> kernels.hs_sinusoid(stream, in, scale, maxPeriod, out, batch, dimension);
  }

  @Override
  public Launch embeddingForward(
      long table, long ids, long y, boolean accumulate, int batch, int rows, int dimension) {
    MemorySegment rowsOfTable = at(table);
    MemorySegment labels = at(ids);
    MemorySegment out = at(y);
    int add = flag(accumulate);
    return () ->
        kernels.hs_embedding_forward(stream, rowsOfTable, labels, out, add, batch, rows, dimension);
  }

  @Override
  public Launch embeddingBackward(
      long dy, long ids, long dtable, int batch, int rows, int dimension) {
    MemorySegment upstream = at(dy);
    MemorySegment labels = at(ids);
    MemorySegment out = at(dtable);
    return () ->
        kernels.hs_embedding_backward(stream, upstream, labels, out, batch, rows, dimension);
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
        kernels.hs_linear_combination(
            stream, out, terms, x0, x1, x2, x3, factors, batch, perSample, dtype);
  }

  @Override
  public Launch squaredDistance(
      long a, long b, long out, int batch, long perSample, DataType type) {
    MemorySegment first = at(a);
    MemorySegment second = at(b);
    MemorySegment sums = at(out);
    int dtype = code(type);
    return () -> kernels.hs_squared_distance(stream, first, second, sums, batch, perSample, dtype);
  }

  @Override
  public Launch clamp(long x, long y, float low, float high, long count, DataType type) {
    MemorySegment in = at(x);
    MemorySegment out = at(y);
    int dtype = code(type);
    return () -> kernels.hs_clamp(stream, in, out, low, high, count, dtype);
  }

  @Override
  public Launch softmaxCrossEntropy(
      long logits, long ids, long losses, long dlogits, float dloss, int batch, int classes) {
    MemorySegment in = at(logits);
    MemorySegment labels = at(ids);
    MemorySegment out = at(losses);
    MemorySegment gradient = at(dlogits);
    return () ->
        kernels.hs_softmax_cross_entropy(stream, in, labels, out, gradient, dloss, batch, classes);
  }

  // ---- Optimizer
  // --------------------------------------------------------------------------------------

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
    MemorySegment args =
        KernelArguments.adam(arguments, settings, parameters, gradients, m, v, ema, count);
    MemorySegment changing = at(values);
    MemorySegment sum = at(squareSum);
    return () -> kernels.hs_adam_step_from(stream, args, changing, sum);
  }

  @Override
  public Launch emaUpdate(long ema, long parameters, double decay, long count) {
    MemorySegment average = at(ema);
    MemorySegment weights = at(parameters);
    return () -> kernels.hs_ema_update(stream, average, weights, decay, count);
  }

  @Override
  public long squareSumWorkspaceBytes(long count) {
    return kernels.hs_square_sum_workspace(count);
  }

  @Override
  public Launch squareSum(long x, long out, long workspace, long count) {
    MemorySegment in = at(x);
    MemorySegment sum = at(out);
    MemorySegment partial = at(workspace);
    return () -> kernels.hs_square_sum(stream, in, sum, partial, count);
  }

  // ---- Random numbers
  // -----------------------------------------------------------------------------------

  @Override
  public Launch normal(long y, long key, long sampleIds, int batch, long perSample, DataType type) {
    MemorySegment out = at(y);
    MemorySegment cell = at(key);
    MemorySegment ids = at(sampleIds);
    int dtype = code(type);
    return () -> kernels.hs_philox_normal_from(stream, out, cell, ids, batch, perSample, dtype);
  }

  @Override
  public void close() {
    owned.close();
  }
}
