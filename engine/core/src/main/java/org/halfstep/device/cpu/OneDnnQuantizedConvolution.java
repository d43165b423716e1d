package org.halfstep.device.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.halfstep.bindings.OneDnn;
import org.halfstep.bindings.OneDnnAttributes;
import org.halfstep.bindings.OneDnnPrimitives;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.PackedLayout;
import org.halfstep.device.QuantizedConvolution;
import org.halfstep.device.Window;

/**
 * {@link QuantizedConvolution} by oneDNN: unsigned times signed bytes with VNNI instructions. The
 * packed weight ends with the zero point as an int32, which oneDNN reads when it runs.
 */
public final class OneDnnQuantizedConvolution implements QuantizedConvolution {
  /** Scales of a weight vary along its first dimension, the output channels. */
  private static final int PER_OUTPUT_CHANNEL = 1;

  private static final int COMMON = 0;
  private static final long ALIGNMENT = 64;

  private enum Kind {
    PLAIN,
    RESIDUAL,
    PACK
  }

  /** Equal keys mean equal primitives. */
  private record Key(Kind kind, ConvolutionShape shape, DataType output) {}

  private final OneDnnEngine engine;
  private final ConvolutionShape shape;
  private final List<OneDnnPrimitive> acquired = new ArrayList<>();
  private final List<OneDnnLaunch> launches = new ArrayList<>();
  private final List<MemoryDescriptor> descriptors = new ArrayList<>();
  private final OneDnnPrimitive plain;
  private final OneDnnPrimitive withResidual;
  private final OneDnnPrimitive pack;
  private final MemoryDescriptor perChannel;
  private final MemoryDescriptor one;
  private final MemoryDescriptor integer;
  private final long weightBytes;
  private boolean closed;

  /**
   * @param asked reads all input channels of its weight
   * @param output float32 or bfloat16
   * @throws UnsupportedOperationException when the processor has no 8-bit dot product, without
   *     which oneDNN's sums may saturate
   */
  public OneDnnQuantizedConvolution(OneDnnEngine engine, ConvolutionShape asked, DataType output) {
    engine.instructions().requireByteProducts();
    if (asked.weightInputStride() != asked.inputChannels()) {
      throw new IllegalArgumentException(
          "an int8 convolution reads all input channels of its weight");
    }
    this.engine = engine;
    this.shape = asked.withoutGeometry();
    try {
      MemoryDescriptor x =
          images(DataType.U8, shape.height(), shape.width(), shape.inputChannels());
      MemoryDescriptor y =
          images(output, shape.outputHeight(), shape.outputWidth(), shape.outputChannels());
      perChannel = own(MemoryDescriptor.vector(shape.outputChannels()));
      one = own(MemoryDescriptor.vector(1));
      integer = own(MemoryDescriptor.integer());
      int rows = shape.window().height();
      int columns = shape.window().width();
      long taps = shape.window().taps();
      long[] sizes = {shape.outputChannels(), shape.inputChannels(), rows, columns};
      long[] strides = {shape.inputChannels() * taps, taps, columns, 1};
      MemoryDescriptor any = own(MemoryDescriptor.anySigned(sizes));
      MemoryDescriptor stored = own(MemoryDescriptor.strided(DataType.F32, sizes, strides));
      plain =
          acquire(new Key(Kind.PLAIN, shape, output), () -> convolution(x, any.handle, y, false));
      // Both read the same packed weight.
      MemorySegment packed = plain.memory(OneDnn.dnnl_query_weights_md);
      withResidual =
          acquire(new Key(Kind.RESIDUAL, shape, output), () -> convolution(x, packed, y, true));
      pack =
          acquire(
              new Key(Kind.PACK, shape, output),
              () ->
                  OneDnnEngine.create(
                      out ->
                          OneDnnPrimitives.dnnl_reorder_primitive_desc_create(
                              out,
                              stored.handle,
                              engine.handle(),
                              packed,
                              engine.handle(),
                              engine.attributes())));
      weightBytes = (plain.bytes(OneDnn.dnnl_query_weights_md) + ALIGNMENT - 1) & -ALIGNMENT;
    } catch (RuntimeException refused) {
      close();
      throw refused;
    }
  }

  private MemoryDescriptor images(DataType type, int height, int width, int channels) {
    return own(MemoryDescriptor.images(type, shape.batch(), height, width, channels));
  }

  private MemoryDescriptor own(MemoryDescriptor descriptor) {
    descriptors.add(descriptor);
    return descriptor;
  }

  private OneDnnPrimitive acquire(Key key, Supplier<MemorySegment> descriptor) {
    OneDnnPrimitive primitive = engine.acquire(key, descriptor);
    acquired.add(primitive);
    return primitive;
  }

  private MemorySegment convolution(
      MemoryDescriptor x, MemorySegment weights, MemoryDescriptor y, boolean residual) {
    MemorySegment attributes = attributes(y, residual);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment strides = pair(arena, shape.stride(), shape.stride());
      MemorySegment dilations = pair(arena, 0, 0);
      Window window = shape.window();
      MemorySegment before = pair(arena, window.top(), window.left());
      MemorySegment behind = pair(arena, window.bottom(), window.right());
      return OneDnnEngine.create(
          out ->
              OneDnnPrimitives.dnnl_convolution_forward_primitive_desc_create(
                  out,
                  engine.handle(),
                  OneDnn.dnnl_forward_inference,
                  OneDnn.dnnl_convolution_direct,
                  x.handle,
                  weights,
                  perChannel.handle,
                  y.handle,
                  strides,
                  dilations,
                  before,
                  behind,
                  attributes));
    } finally {
      OneDnnAttributes.dnnl_primitive_attr_destroy(attributes);
    }
  }

  private static MemorySegment pair(Arena arena, long first, long second) {
    return arena.allocateFrom(ValueLayout.JAVA_LONG, first, second);
  }

  private static MemorySegment attributes(MemoryDescriptor y, boolean residual) {
    MemorySegment attributes = OneDnnEngine.create(OneDnnAttributes::dnnl_primitive_attr_create);
    OneDnnAttributes.dnnl_primitive_attr_set_scratchpad_mode(
        attributes, OneDnn.dnnl_scratchpad_mode_user);
    OneDnnAttributes.dnnl_primitive_attr_set_scales_mask(attributes, OneDnn.DNNL_ARG_SRC, COMMON);
    OneDnnAttributes.dnnl_primitive_attr_set_scales_mask(
        attributes, OneDnn.DNNL_ARG_WEIGHTS, PER_OUTPUT_CHANNEL);
    OneDnnAttributes.dnnl_primitive_attr_set_zero_points_mask(
        attributes, OneDnn.DNNL_ARG_SRC, COMMON);
    if (residual) {
      MemorySegment operations = OneDnnEngine.create(OneDnnAttributes::dnnl_post_ops_create);
      OneDnnAttributes.dnnl_post_ops_append_binary(operations, OneDnn.dnnl_binary_add, y.handle);
      OneDnnAttributes.dnnl_primitive_attr_set_post_ops(attributes, operations);
      OneDnnAttributes.dnnl_post_ops_destroy(operations);
    }
    return attributes;
  }

  @Override
  public ConvolutionShape shape() {
    return shape;
  }

  /** oneDNN's name of what runs. */
  public String implementation() {
    return plain.implementation();
  }

  @Override
  public long packedBytes() {
    return weightBytes + Integer.BYTES;
  }

  @Override
  public long scratchBytes() {
    return Math.max(
        pack.scratchBytes(), Math.max(plain.scratchBytes(), withResidual.scratchBytes()));
  }

  @Override
  public PackedLayout packedLayout() {
    return new OneDnnLayout(plain.memory(OneDnn.dnnl_query_weights_md), 0);
  }

  @Override
  public Launch pack(long storedWeight, long zeroPoint, long packed, long scratch) {
    OneDnnLaunch reorder =
        owned(
            new OneDnnLaunch.Builder(engine, pack)
                .argument(OneDnn.DNNL_ARG_SRC, OneDnn.dnnl_query_src_md, storedWeight)
                .argument(OneDnn.DNNL_ARG_DST, OneDnn.dnnl_query_dst_md, packed)
                .scratch(scratch));
    MemorySegment from = HostMemory.at(zeroPoint, Float.BYTES);
    MemorySegment to = HostMemory.at(packed + weightBytes, Integer.BYTES);
    return () -> {
      reorder.run();
      to.set(ValueLayout.JAVA_INT, 0, Math.round(from.get(ValueLayout.JAVA_FLOAT, 0)));
    };
  }

  @Override
  public Launch forward(
      long x,
      long packed,
      long inputScale,
      long weightScale,
      long bias,
      long residual,
      long y,
      long scratch) {
    if (residual == y) {
      throw new IllegalArgumentException("an int8 convolution cannot add to its own output");
    }
    OneDnnPrimitive primitive = residual == 0 ? plain : withResidual;
    OneDnnLaunch.Builder launch =
        new OneDnnLaunch.Builder(engine, primitive)
            .argument(OneDnn.DNNL_ARG_SRC, OneDnn.dnnl_query_src_md, x)
            .argument(OneDnn.DNNL_ARG_WEIGHTS, OneDnn.dnnl_query_weights_md, packed)
            .argument(OneDnn.DNNL_ARG_BIAS, perChannel.handle, bias)
            .argument(OneDnn.DNNL_ARG_DST, OneDnn.dnnl_query_dst_md, y)
            .argument(OneDnn.DNNL_ARG_ATTR_SCALES | OneDnn.DNNL_ARG_SRC, one.handle, inputScale)
            .argument(
                OneDnn.DNNL_ARG_ATTR_SCALES | OneDnn.DNNL_ARG_WEIGHTS,
                perChannel.handle,
                weightScale)
            .argument(
                OneDnn.DNNL_ARG_ATTR_ZERO_POINTS | OneDnn.DNNL_ARG_SRC,
                integer.handle,
                packed + weightBytes)
            .scratch(scratch);
    if (residual != 0) {
      launch.argument(
          OneDnn.DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | OneDnn.DNNL_ARG_SRC_1,
          OneDnn.dnnl_query_dst_md,
          residual);
    }
    return owned(launch);
  }

  private OneDnnLaunch owned(OneDnnLaunch.Builder builder) {
    OneDnnLaunch launch = builder.build();
    launches.add(launch);
    return launch;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      launches.forEach(OneDnnLaunch::close);
      acquired.forEach(engine::release);
      descriptors.forEach(MemoryDescriptor::close);
    }
  }
}
