package org.halfstep.device.cpu;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.halfstep.bindings.OneDnn;
import org.halfstep.device.Activation;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionRequest;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.PackedLayout;

/**
 * {@link Convolution} by oneDNN. Weights are packed into the format that oneDNN's fastest
 * implementation for the shape asks for; no primitive converts anything by itself when it runs.
 *
 * <p>With {@link DataType#BF16}, activations, their gradients and packed weights are bfloat16; the
 * stored weight, the bias and their gradients stay float32.
 */
public final class OneDnnConvolution implements Convolution {
  private final OneDnnEngine engine;
  private final ConvolutionShape shape;
  private final boolean training;
  private final Activation activation;
  private final ConvolutionPrimitives primitives;
  private final List<OneDnnLaunch> launches = new ArrayList<>();
  private boolean closed;

  /**
   * A convolution for one shape.
   *
   * @param type storage of the activations
   * @param training whether the backward passes exist
   * @param activation what follows bias and residual; other than NONE for inference only
   */
  public OneDnnConvolution(
      OneDnnEngine engine,
      ConvolutionShape shape,
      DataType type,
      boolean training,
      Activation activation) {
    this.engine = engine;
    this.shape = shape;
    this.training = training;
    this.activation = activation;
    this.primitives = new ConvolutionPrimitives(engine, shape, type, training, activation);
  }

  /** A convolution without an activation. */
  public static OneDnnConvolution create(
      OneDnnEngine engine, ConvolutionShape shape, DataType type, boolean training) {
    return new OneDnnConvolution(engine, shape, type, training, Activation.NONE);
  }

  @Override
  public Set<ConvolutionRequest.Part> taken() {
    return activation == Activation.NONE
        ? EnumSet.noneOf(ConvolutionRequest.Part.class)
        : EnumSet.of(ConvolutionRequest.Part.ACTIVATION);
  }

  @Override
  public ConvolutionShape shape() {
    return shape;
  }

  /**
   * oneDNN's names of what runs: forward and, when training, backward data and backward weights.
   */
  public List<String> implementations() {
    return primitives.implementations();
  }

  @Override
  public long packedForwardBytes() {
    return primitives.packForward == null
        ? 0
        : primitives.forward().bytes(OneDnn.dnnl_query_weights_md);
  }

  @Override
  public PackedLayout packedLayout() {
    if (primitives.packForward == null) {
      throw new IllegalStateException("the stored weight is read as it is");
    }
    return new OneDnnLayout(
        primitives.forward().memory(OneDnn.dnnl_query_weights_md), shape.weightInputOffset());
  }

  @Override
  public long forwardScratchBytes() {
    return primitives.forwardScratchBytes();
  }

  @Override
  public Launch packForward(long storedWeight, long bias, long packedWeight) {
    return reorder(primitives.packForward, stored(storedWeight), packedWeight);
  }

  @Override
  public Launch forward(Input input, long weight, Output output, long scratch) {
    long bias = output.bias();
    long residual = output.residual();
    long y = output.y();
    ConvolutionPrimitives.Residual kind =
        residual == 0
            ? ConvolutionPrimitives.Residual.NONE
            : residual == y
                ? ConvolutionPrimitives.Residual.SAME_AS_OUTPUT
                : ConvolutionPrimitives.Residual.SEPARATE;
    OneDnnPrimitive forward = primitives.forward(bias != 0, kind);
    OneDnnLaunch.Builder launch =
        new OneDnnLaunch.Builder(engine, forward)
            .argument(OneDnn.DNNL_ARG_SRC, OneDnn.dnnl_query_src_md, input.x0())
            .argument(
                OneDnn.DNNL_ARG_WEIGHTS,
                OneDnn.dnnl_query_weights_md,
                primitives.packForward == null ? stored(weight) : weight)
            .argument(OneDnn.DNNL_ARG_DST, OneDnn.dnnl_query_dst_md, y)
            .scratch(scratch);
    if (bias != 0) {
      launch.argument(OneDnn.DNNL_ARG_BIAS, primitives.bias.handle, bias);
    }
    if (kind == ConvolutionPrimitives.Residual.SEPARATE) {
      launch.argument(
          OneDnn.DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | OneDnn.DNNL_ARG_SRC_1,
          OneDnn.dnnl_query_dst_md,
          residual);
    }
    return owned(launch);
  }

  @Override
  public long packedBackwardBytes() {
    return primitives.packBackward == null
        ? 0
        : primitives.backwardData.bytes(OneDnn.dnnl_query_weights_md);
  }

  @Override
  public long backwardDataScratchBytes() {
    return training ? primitives.backwardData.scratchBytes() : 0;
  }

  @Override
  public Launch packBackward(long storedWeight, long packedWeight) {
    return reorder(primitives.packBackward, stored(storedWeight), packedWeight);
  }

  @Override
  public Launch backwardData(long dy, long weight, long dx, long scratch) {
    requireTraining();
    return owned(
        new OneDnnLaunch.Builder(engine, primitives.backwardData)
            .argument(OneDnn.DNNL_ARG_DIFF_DST, OneDnn.dnnl_query_diff_dst_md, dy)
            .argument(
                OneDnn.DNNL_ARG_WEIGHTS,
                OneDnn.dnnl_query_weights_md,
                primitives.packBackward == null ? stored(weight) : weight)
            .argument(OneDnn.DNNL_ARG_DIFF_SRC, OneDnn.dnnl_query_diff_src_md, dx)
            .scratch(scratch));
  }

  @Override
  public long packedGradientBytes() {
    return primitives.unpackGradient == null
        ? 0
        : primitives.backwardWeights(false).bytes(OneDnn.dnnl_query_diff_weights_md);
  }

  @Override
  public long backwardWeightsScratchBytes() {
    return training
        ? Math.max(
            primitives.backwardWeights(false).scratchBytes(),
            primitives.backwardWeights(true).scratchBytes())
        : 0;
  }

  @Override
  public Launch backwardWeights(Input input, long dy, long dweight, long dbias, long scratch) {
    requireTraining();
    OneDnnLaunch.Builder launch =
        new OneDnnLaunch.Builder(engine, primitives.backwardWeights(dbias != 0))
            .argument(OneDnn.DNNL_ARG_SRC, OneDnn.dnnl_query_src_md, input.x0())
            .argument(OneDnn.DNNL_ARG_DIFF_DST, OneDnn.dnnl_query_diff_dst_md, dy)
            .argument(
                OneDnn.DNNL_ARG_DIFF_WEIGHTS,
                OneDnn.dnnl_query_diff_weights_md,
                primitives.unpackGradient == null ? stored(dweight) : dweight)
            .scratch(scratch);
    if (dbias != 0) {
      launch.argument(OneDnn.DNNL_ARG_DIFF_BIAS, primitives.bias.handle, dbias);
    }
    return owned(launch);
  }

  @Override
  public Launch unpackGradient(long packedGradient, long storedGradient) {
    return reorder(primitives.unpackGradient, packedGradient, stored(storedGradient));
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      launches.forEach(OneDnnLaunch::close);
      primitives.close();
    }
  }

  /** Where this convolution's input channels start in the stored weight. */
  private long stored(long weight) {
    return weight + (long) shape.weightInputOffset() * shape.window().taps() * DataType.F32.bytes();
  }

  private Launch reorder(OneDnnPrimitive reorder, long from, long to) {
    if (reorder == null) {
      return () -> {};
    }
    MemorySegment source = reorder.memory(OneDnn.dnnl_query_src_md);
    MemorySegment target = reorder.memory(OneDnn.dnnl_query_dst_md);
    return owned(
        new OneDnnLaunch.Builder(engine, reorder)
            .argument(OneDnn.DNNL_ARG_SRC, source, from)
            .argument(OneDnn.DNNL_ARG_DST, target, to));
  }

  private Launch owned(OneDnnLaunch.Builder builder) {
    OneDnnLaunch launch = builder.build();
    launches.add(launch);
    return launch;
  }

  private void requireTraining() {
    if (!training) {
      throw new IllegalStateException(
          "this convolution was created for inference: create it for training to run backward");
    }
  }
}
