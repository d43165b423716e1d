package org.halfstep.device.cuda.cudnn;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.halfstep.bindings.Cudnn;
import org.halfstep.device.DataType;
import org.halfstep.device.Owned;
import org.halfstep.device.Window;

/**
 * One operation graph of cuDNN: a convolution or one of its gradients over NHWC images and KRSC
 * filters of the same storage type, sums in float32, and behind a forward pass what is added to it.
 * Between the convolution and the output nothing is rounded.
 *
 * @param inputs channels of x, a multiple of {@link #CHANNEL_MULTIPLE}
 * @param outputs channels of y, likewise
 * @param bias whether a float32 bias is added; forward only, like those that follow
 * @param residual whether a tensor like y is added
 * @param relu whether max(., 0) follows
 */
record CudnnConvolutionGraph(
    Kind kind,
    int batch,
    int height,
    int width,
    int inputs,
    int outputs,
    Window window,
    DataType type,
    boolean bias,
    boolean residual,
    boolean relu)
    implements CudnnGraphSpec {

  enum Kind {
    FORWARD,
    BACKWARD_DATA,
    BACKWARD_WEIGHTS
  }

  /** Tensor cores read 16 bytes at once: eight bfloat16 channels. */
  static final int CHANNEL_MULTIPLE = 8;

  /** What tensors of the graph are called; the same in every graph. */
  static final long X = 1;

  static final long FILTER = 2;
  static final long Y = 3;
  static final long BIAS = 4;
  static final long RESIDUAL = 5;

  static int paddedChannels(int channels) {
    return Math.ceilDiv(channels, CHANNEL_MULTIPLE) * CHANNEL_MULTIPLE;
  }

  /** The same without anything behind the convolution. */
  @Override
  public Optional<CudnnGraphSpec> core() {
    return isPlain()
        ? Optional.empty()
        : Optional.of(
            new CudnnConvolutionGraph(
                kind, batch, height, width, inputs, outputs, window, type, false, false, false));
  }

  boolean isPlain() {
    return !bias && !residual && !relu;
  }

  long inputBytes() {
    return (long) batch * height * width * inputs * type.bytes();
  }

  long outputBytes() {
    return (long) batch
        * window.outputHeight(height)
        * window.outputWidth(width)
        * outputs
        * type.bytes();
  }

  long filterBytes() {
    return (long) outputs * window.taps() * inputs * type.bytes();
  }

  @Override
  public List<TrialMemory.Tensor> tensors() {
    List<TrialMemory.Tensor> tensors = new ArrayList<>();
    tensors.add(new TrialMemory.Tensor(X, inputBytes()));
    tensors.add(new TrialMemory.Tensor(FILTER, filterBytes()));
    tensors.add(new TrialMemory.Tensor(Y, outputBytes()));
    if (bias) {
      tensors.add(new TrialMemory.Tensor(BIAS, (long) Float.BYTES * outputs));
    }
    if (residual) {
      tensors.add(new TrialMemory.Tensor(RESIDUAL, outputBytes()));
    }
    return tensors;
  }

  @Override
  public Map<Long, Float> numbers() {
    return Map.of();
  }

  @Override
  public CudnnDescriptor graph(Owned owned, CudnnTarget target) {
    CudnnGraph graph = new CudnnGraph(owned, target);
    int dtype = type == DataType.BF16 ? Cudnn.CUDNN_DATA_BFLOAT16 : Cudnn.CUDNN_DATA_FLOAT;
    CudnnDescriptor x = tensor(graph, X, dtype, batch, inputs, height, width);
    CudnnDescriptor y = graph.tensor(Y, dtype, outputSizes(), channelsLast(outputSizes()));
    CudnnDescriptor filter =
        tensor(graph, FILTER, dtype, outputs, inputs, window.height(), window.width());
    CudnnDescriptor result = isPlain() ? y : intermediate(graph);
    convolution(graph, x, filter, result);
    if (bias) {
      CudnnDescriptor next = residual || relu ? intermediate(graph) : y;
      CudnnDescriptor vector = tensor(graph, BIAS, Cudnn.CUDNN_DATA_FLOAT, 1, outputs, 1, 1);
      graph.pointwise(Cudnn.CUDNN_POINTWISE_ADD, result, vector, next);
      result = next;
    }
    if (residual) {
      CudnnDescriptor next = relu ? intermediate(graph) : y;
      CudnnDescriptor added =
          graph.tensor(RESIDUAL, dtype, outputSizes(), channelsLast(outputSizes()));
      graph.pointwise(Cudnn.CUDNN_POINTWISE_ADD, result, added, next);
      result = next;
    }
    if (relu) {
      graph.pointwise(Cudnn.CUDNN_POINTWISE_RELU_FWD, result, null, y);
    }
    return graph.finish();
  }

  private long[] outputSizes() {
    return new long[] {batch, outputs, window.outputHeight(height), window.outputWidth(width)};
  }

  /** Sizes are in cuDNN's order, NCHW and KCRS; the strides put channels last. */
  private static long[] channelsLast(long... sizes) {
    return new long[] {
      sizes[1] * sizes[2] * sizes[3], 1, sizes[1] * sizes[3], sizes[1],
    };
  }

  private static CudnnDescriptor tensor(CudnnGraph graph, long id, int dtype, long... sizes) {
    return graph.tensor(id, dtype, sizes, channelsLast(sizes));
  }

  private CudnnDescriptor intermediate(CudnnGraph graph) {
    return graph.intermediate(Cudnn.CUDNN_DATA_FLOAT, outputSizes(), channelsLast(outputSizes()));
  }

  private void convolution(
      CudnnGraph graph, CudnnDescriptor x, CudnnDescriptor filter, CudnnDescriptor y) {
    CudnnDescriptor geometry =
        graph
            .descriptor(Cudnn.CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR)
            .setEnum(
                Cudnn.CUDNN_ATTR_CONVOLUTION_COMP_TYPE,
                Cudnn.CUDNN_TYPE_DATA_TYPE,
                Cudnn.CUDNN_DATA_FLOAT)
            .setEnum(
                Cudnn.CUDNN_ATTR_CONVOLUTION_CONV_MODE,
                Cudnn.CUDNN_TYPE_CONVOLUTION_MODE,
                Cudnn.CUDNN_CROSS_CORRELATION)
            .set(Cudnn.CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 2)
            .set(Cudnn.CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, window.top(), window.left())
            .set(Cudnn.CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, window.bottom(), window.right())
            .set(Cudnn.CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, window.stride(), window.stride())
            .set(Cudnn.CUDNN_ATTR_CONVOLUTION_DILATIONS, 1, 1)
            .finish();
    graph.add(
        switch (kind) {
          case FORWARD ->
              graph
                  .descriptor(Cudnn.CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR)
                  .setFloat(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1)
                  .setFloat(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0)
                  .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, geometry)
                  .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x)
                  .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, filter)
                  .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, y);
          case BACKWARD_DATA ->
              graph
                  .descriptor(Cudnn.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR)
                  .setFloat(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, 1)
                  .setFloat(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, 0)
                  .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, geometry)
                  .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, x)
                  .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, filter)
                  .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, y);
          case BACKWARD_WEIGHTS ->
              graph
                  .descriptor(Cudnn.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR)
                  .setFloat(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, 1)
                  .setFloat(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, 0)
                  .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, geometry)
                  .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, x)
                  .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, filter)
                  .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, y);
        });
  }
}
