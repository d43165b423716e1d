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
import org.halfstep.device.Activation;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;

/** The oneDNN primitives of one convolution: chosen here, shared through the engine. */
final class ConvolutionPrimitives implements AutoCloseable {
  /** {@link Activation#QUICK_GELU} is {@code x sigmoid(1.702 x)}. */
  private static final float QUICK_GELU_SCALE = 1.702f;

  /** What is added to the output. */
  enum Residual {
    NONE,
    /** The output's own old content. */
    SAME_AS_OUTPUT,
    SEPARATE
  }

  private enum Kind {
    FORWARD,
    BACKWARD_DATA,
    BACKWARD_WEIGHTS,
    PACK_FORWARD,
    PACK_BACKWARD,
    UNPACK_GRADIENT
  }

  /** Equal keys mean equal primitives. */
  private record Key(
      Kind kind,
      ConvolutionShape shape,
      DataType type,
      boolean training,
      boolean bias,
      Residual residual,
      Activation activation) {}

  // Set while this is constructed; null when the packed form is the stored one.
  OneDnnPrimitive packForward;
  OneDnnPrimitive packBackward;
  OneDnnPrimitive unpackGradient;

  /** Null for inference. */
  OneDnnPrimitive backwardData;

  final MemoryDescriptor bias;

  private final OneDnnEngine engine;
  private final ConvolutionShape shape;
  private final DataType type;
  private final boolean training;
  private final Activation activation;
  private final OneDnnPrimitive[] forward = new OneDnnPrimitive[2 * Residual.values().length];
  private final OneDnnPrimitive[] backwardWeights = new OneDnnPrimitive[2];
  private final List<OneDnnPrimitive> acquired = new ArrayList<>();
  private final Arena arena = Arena.ofShared();
  private final MemorySegment strides;
  private final MemorySegment dilations;
  private final MemorySegment before;
  private final MemorySegment behind;
  private final MemoryDescriptor input;
  private final MemoryDescriptor output;

  ConvolutionPrimitives(
      OneDnnEngine engine,
      ConvolutionShape asked,
      DataType type,
      boolean training,
      Activation activation) {
    this.activation = activation;
    this.shape = asked.withoutGeometry();
    this.engine = engine;
    this.type = type;
    this.training = training;
    strides = pair(shape.stride(), shape.stride());
    dilations = pair(0, 0);
    before = pair(shape.window().top(), shape.window().left());
    behind = pair(shape.window().bottom(), shape.window().right());
    input =
        MemoryDescriptor.images(
            type, shape.batch(), shape.height(), shape.width(), shape.inputChannels());
    output =
        MemoryDescriptor.images(
            type, shape.batch(), shape.outputHeight(), shape.outputWidth(), shape.outputChannels());
    bias = MemoryDescriptor.vector(shape.outputChannels());
    try {
      choose();
    } catch (RuntimeException refused) {
      close();
      throw refused;
    }
  }

  private void choose() {
    int rows = shape.window().height();
    int columns = shape.window().width();
    long taps = shape.window().taps();
    long[] sizes = {shape.outputChannels(), shape.inputChannels(), rows, columns};
    long[] storedStrides = {shape.weightInputStride() * taps, taps, columns, 1};
    try (MemoryDescriptor any = MemoryDescriptor.any(type, sizes);
        MemoryDescriptor anyGradient = MemoryDescriptor.any(DataType.F32, sizes);
        MemoryDescriptor stored = MemoryDescriptor.strided(DataType.F32, sizes, storedStrides)) {
      chooseForward(any, stored);
      if (training) {
        chooseBackward(any, anyGradient, stored);
      }
    }
  }

  private void chooseForward(MemoryDescriptor any, MemoryDescriptor stored) {
    forward[0] = acquireForward(any.handle, false, Residual.NONE);
    // The other variants read the same packed weight.
    MemorySegment packed = forward[0].memory(OneDnn.dnnl_query_weights_md);
    for (Residual residual : Residual.values()) {
      for (int withBias = 0; withBias < 2; withBias++) {
        int index = 2 * residual.ordinal() + withBias;
        if (index > 0) {
          forward[index] = acquireForward(packed, withBias == 1, residual);
        }
      }
    }
    packForward = acquireReorder(Kind.PACK_FORWARD, stored, packed, true);
  }

  private void chooseBackward(
      MemoryDescriptor any, MemoryDescriptor anyGradient, MemoryDescriptor stored) {
    backwardData =
        acquire(Kind.BACKWARD_DATA, false, Residual.NONE, () -> backwardData(any.handle));
    MemorySegment packed = backwardData.memory(OneDnn.dnnl_query_weights_md);
    packBackward = acquireReorder(Kind.PACK_BACKWARD, stored, packed, true);
    backwardWeights[0] =
        acquire(
            Kind.BACKWARD_WEIGHTS,
            false,
            Residual.NONE,
            () -> backwardWeights(anyGradient.handle, false));
    MemorySegment gradient = backwardWeights[0].memory(OneDnn.dnnl_query_diff_weights_md);
    backwardWeights[1] =
        acquire(Kind.BACKWARD_WEIGHTS, true, Residual.NONE, () -> backwardWeights(gradient, true));
    unpackGradient = acquireReorder(Kind.UNPACK_GRADIENT, stored, gradient, false);
  }

  OneDnnPrimitive forward() {
    return forward[0];
  }

  OneDnnPrimitive forward(boolean withBias, Residual residual) {
    return forward[2 * residual.ordinal() + (withBias ? 1 : 0)];
  }

  OneDnnPrimitive backwardWeights(boolean withBias) {
    return backwardWeights[withBias ? 1 : 0];
  }

  long forwardScratchBytes() {
    long most = 0;
    for (OneDnnPrimitive each : forward) {
      most = Math.max(most, each.scratchBytes());
    }
    return most;
  }

  List<String> implementations() {
    List<String> names = new ArrayList<>();
    names.add(forward(true, Residual.NONE).implementation());
    if (training) {
      names.add(backwardData.implementation());
      names.add(backwardWeights(true).implementation());
    }
    return names;
  }

  @Override
  public void close() {
    acquired.forEach(engine::release);
    input.close();
    output.close();
    bias.close();
    arena.close();
  }

  private OneDnnPrimitive acquireForward(
      MemorySegment weights, boolean withBias, Residual residual) {
    return acquire(Kind.FORWARD, withBias, residual, () -> forward(weights, withBias, residual));
  }

  private MemorySegment forward(MemorySegment weights, boolean withBias, Residual residual) {
    MemorySegment attributes = attributes(residual);
    try {
      return OneDnnEngine.create(
          out ->
              OneDnnPrimitives.dnnl_convolution_forward_primitive_desc_create(
                  out,
                  engine.handle(),
                  training ? OneDnn.dnnl_forward_training : OneDnn.dnnl_forward_inference,
                  OneDnn.dnnl_convolution_direct,
                  input.handle,
                  weights,
                  withBias ? bias.handle : MemorySegment.NULL,
                  output.handle,
                  strides,
                  dilations,
                  before,
                  behind,
                  attributes));
    } finally {
      OneDnnAttributes.dnnl_primitive_attr_destroy(attributes);
    }
  }

  private MemorySegment attributes(Residual residual) {
    MemorySegment attributes = OneDnnEngine.create(OneDnnAttributes::dnnl_primitive_attr_create);
    OneDnnAttributes.dnnl_primitive_attr_set_scratchpad_mode(
        attributes, OneDnn.dnnl_scratchpad_mode_user);
    if (residual != Residual.NONE || activation != Activation.NONE) {
      MemorySegment operations = OneDnnEngine.create(OneDnnAttributes::dnnl_post_ops_create);
      if (residual == Residual.SAME_AS_OUTPUT) {
        OneDnnAttributes.dnnl_post_ops_append_sum(
            operations, 1, 0, MemoryDescriptor.oneDnnType(type));
      } else if (residual == Residual.SEPARATE) {
        OneDnnAttributes.dnnl_post_ops_append_binary(
            operations, OneDnn.dnnl_binary_add, output.handle);
      }
      appendActivation(operations);
      OneDnnAttributes.dnnl_primitive_attr_set_post_ops(attributes, operations);
      OneDnnAttributes.dnnl_post_ops_destroy(operations);
    }
    return attributes;
  }

  private void appendActivation(MemorySegment operations) {
    switch (activation) {
      case NONE -> {}
      case RELU ->
          OneDnnAttributes.dnnl_post_ops_append_eltwise(operations, OneDnn.dnnl_eltwise_relu, 0, 0);
      case SILU ->
          OneDnnAttributes.dnnl_post_ops_append_eltwise(
              operations, OneDnn.dnnl_eltwise_swish, 1, 0);
      case GELU ->
          OneDnnAttributes.dnnl_post_ops_append_eltwise(
              operations, OneDnn.dnnl_eltwise_gelu_erf, 0, 0);
      case GELU_TANH ->
          OneDnnAttributes.dnnl_post_ops_append_eltwise(
              operations, OneDnn.dnnl_eltwise_gelu_tanh, 0, 0);
      case QUICK_GELU ->
          OneDnnAttributes.dnnl_post_ops_append_eltwise(
              operations, OneDnn.dnnl_eltwise_swish, QUICK_GELU_SCALE, 0);
    }
  }

  private MemorySegment backwardData(MemorySegment weights) {
    return OneDnnEngine.create(
        out ->
            OneDnnPrimitives.dnnl_convolution_backward_data_primitive_desc_create(
                out,
                engine.handle(),
                OneDnn.dnnl_convolution_direct,
                input.handle,
                weights,
                output.handle,
                strides,
                dilations,
                before,
                behind,
                forward().descriptor,
                engine.attributes()));
  }

  private MemorySegment backwardWeights(MemorySegment gradient, boolean withBias) {
    return OneDnnEngine.create(
        out ->
            OneDnnPrimitives.dnnl_convolution_backward_weights_primitive_desc_create(
                out,
                engine.handle(),
                OneDnn.dnnl_convolution_direct,
                input.handle,
                gradient,
                withBias ? bias.handle : MemorySegment.NULL,
                output.handle,
                strides,
                dilations,
                before,
                behind,
                forward().descriptor,
                engine.attributes()));
  }

  private OneDnnPrimitive acquireReorder(
      Kind kind, MemoryDescriptor stored, MemorySegment packed, boolean pack) {
    if (stored.same(packed)) {
      return null;
    }
    Key key =
        new Key(
            kind,
            withWeight(shape.weightInputStride()),
            type,
            training,
            false,
            Residual.NONE,
            Activation.NONE);
    return acquire(
        key,
        () ->
            OneDnnEngine.create(
                out ->
                    OneDnnPrimitives.dnnl_reorder_primitive_desc_create(
                        out,
                        pack ? stored.handle : packed,
                        engine.handle(),
                        pack ? packed : stored.handle,
                        engine.handle(),
                        engine.attributes())));
  }

  private OneDnnPrimitive acquire(
      Kind kind, boolean withBias, Residual residual, Supplier<MemorySegment> descriptor) {
    Key key =
        new Key(
            kind,
            withWeight(shape.inputChannels()),
            type,
            training,
            withBias,
            residual,
            activation);
    return acquire(key, descriptor);
  }

  private OneDnnPrimitive acquire(Key key, Supplier<MemorySegment> descriptor) {
    OneDnnPrimitive primitive = engine.acquire(key, descriptor);
    acquired.add(primitive);
    return primitive;
  }

  private ConvolutionShape withWeight(int weightInputStride) {
    return new ConvolutionShape(
        shape.batch(),
        shape.height(),
        shape.width(),
        shape.inputChannels(),
        shape.outputChannels(),
        shape.window(),
        weightInputStride,
        0);
  }

  private MemorySegment pair(long first, long second) {
    return arena.allocateFrom(ValueLayout.JAVA_LONG, first, second);
  }
}
