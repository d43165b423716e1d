package org.halfstep.device.cuda;

import java.util.ArrayList;
import java.util.List;
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
record ConvolutionOperation(
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
    boolean relu) {

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
  private static final long FIRST_VIRTUAL = 6;

  private static final long ALIGNMENT = 16;

  static int paddedChannels(int channels) {
    return Math.ceilDiv(channels, CHANNEL_MULTIPLE) * CHANNEL_MULTIPLE;
  }

  /** The same without anything behind the convolution. */
  ConvolutionOperation plain() {
    return new ConvolutionOperation(
        kind, batch, height, width, inputs, outputs, window, type, false, false, false);
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

  /**
   * The finished operation graph.
   *
   * @param owned closes it, and everything that it refers to
   * @param target where it is to run
   */
  CudnnDescriptor graph(Owned owned, CudnnTarget target) {
    List<CudnnDescriptor> operations = new ArrayList<>();
    int dtype = type == DataType.BF16 ? Cudnn.CUDNN_DATA_BFLOAT16 : Cudnn.CUDNN_DATA_FLOAT;
    CudnnDescriptor x = tensor(owned, X, new long[] {batch, inputs, height, width}, dtype, false);
    CudnnDescriptor y = output(owned, Y, dtype, false);
    CudnnDescriptor filter =
        tensor(
            owned,
            FILTER,
            new long[] {outputs, inputs, window.height(), window.width()},
            dtype,
            false);
    long virtual = FIRST_VIRTUAL;
    CudnnDescriptor result = isPlain() ? y : output(owned, virtual++, Cudnn.CUDNN_DATA_FLOAT, true);
    operations.add(convolution(owned, x, filter, result));
    if (bias) {
      CudnnDescriptor next =
          residual || relu ? output(owned, virtual++, Cudnn.CUDNN_DATA_FLOAT, true) : y;
      CudnnDescriptor vector =
          tensor(owned, BIAS, new long[] {1, outputs, 1, 1}, Cudnn.CUDNN_DATA_FLOAT, false);
      operations.add(pointwise(owned, Cudnn.CUDNN_POINTWISE_ADD, result, vector, next));
      result = next;
    }
    if (residual) {
      CudnnDescriptor next = relu ? output(owned, virtual, Cudnn.CUDNN_DATA_FLOAT, true) : y;
      CudnnDescriptor added = output(owned, RESIDUAL, dtype, false);
      operations.add(pointwise(owned, Cudnn.CUDNN_POINTWISE_ADD, result, added, next));
      result = next;
    }
    if (relu) {
      operations.add(pointwise(owned, Cudnn.CUDNN_POINTWISE_RELU_FWD, result, null, y));
    }
    CudnnDescriptor graph =
        owned.add(CudnnDescriptor.of(Cudnn.CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR));
    target.bindGraph(graph);
    return graph
        .set(Cudnn.CUDNN_ATTR_OPERATIONGRAPH_OPS, operations.toArray(new CudnnDescriptor[0]))
        .finish();
  }

  private CudnnDescriptor output(Owned owned, long id, int dtype, boolean virtual) {
    return tensor(
        owned,
        id,
        new long[] {batch, outputs, window.outputHeight(height), window.outputWidth(width)},
        dtype,
        virtual);
  }

  /** Sizes are in cuDNN's order, NCHW and KCRS; the strides put channels last. */
  private static CudnnDescriptor tensor(
      Owned owned, long id, long[] sizes, int dtype, boolean virtual) {
    return owned
        .add(CudnnDescriptor.of(Cudnn.CUDNN_BACKEND_TENSOR_DESCRIPTOR))
        .set(Cudnn.CUDNN_ATTR_TENSOR_UNIQUE_ID, id)
        .setEnum(Cudnn.CUDNN_ATTR_TENSOR_DATA_TYPE, Cudnn.CUDNN_TYPE_DATA_TYPE, dtype)
        .set(Cudnn.CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, ALIGNMENT)
        .set(Cudnn.CUDNN_ATTR_TENSOR_DIMENSIONS, sizes)
        .set(
            Cudnn.CUDNN_ATTR_TENSOR_STRIDES,
            sizes[1] * sizes[2] * sizes[3],
            1,
            sizes[1] * sizes[3],
            sizes[1])
        .setBoolean(Cudnn.CUDNN_ATTR_TENSOR_IS_VIRTUAL, virtual)
        .finish();
  }

  private CudnnDescriptor convolution(
      Owned owned, CudnnDescriptor x, CudnnDescriptor filter, CudnnDescriptor y) {
    CudnnDescriptor geometry =
        owned
            .add(CudnnDescriptor.of(Cudnn.CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR))
            .setEnum(
                Cudnn.CUDNN_ATTR_CONVOLUTION_COMP_TYPE,
                Cudnn.CUDNN_TYPE_DATA_TYPE,
                Cudnn.CUDNN_DATA_FLOAT)
            .setEnum(
                Cudnn.CUDNN_ATTR_CONVOLUTION_CONV_MODE,
                Cudnn.CUDNN_TYPE_CONVOLUTION_MODE,
                Cudnn.CUDNN_CROSS_CORRELATION)
            .set(Cudnn.CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 2)
            .set(
                Cudnn.CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS,
                window.rowPadding(),
                window.columnPadding())
            .set(
                Cudnn.CUDNN_ATTR_CONVOLUTION_POST_PADDINGS,
                window.rowPadding(),
                window.columnPadding())
            .set(Cudnn.CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, window.stride(), window.stride())
            .set(Cudnn.CUDNN_ATTR_CONVOLUTION_DILATIONS, 1, 1)
            .finish();
    return switch (kind) {
      case FORWARD ->
          owned
              .add(CudnnDescriptor.of(Cudnn.CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR))
              .setFloat(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1)
              .setFloat(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0)
              .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, geometry)
              .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x)
              .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, filter)
              .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, y)
              .finish();
      case BACKWARD_DATA ->
          owned
              .add(
                  CudnnDescriptor.of(
                      Cudnn.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR))
              .setFloat(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, 1)
              .setFloat(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, 0)
              .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, geometry)
              .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, x)
              .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, filter)
              .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, y)
              .finish();
      case BACKWARD_WEIGHTS ->
          owned
              .add(
                  CudnnDescriptor.of(
                      Cudnn.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR))
              .setFloat(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, 1)
              .setFloat(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, 0)
              .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, geometry)
              .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, x)
              .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, filter)
              .set(Cudnn.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, y)
              .finish();
    };
  }

  private static CudnnDescriptor pointwise(
      Owned owned, int mode, CudnnDescriptor x, CudnnDescriptor b, CudnnDescriptor y) {
    CudnnDescriptor operator =
        owned
            .add(CudnnDescriptor.of(Cudnn.CUDNN_BACKEND_POINTWISE_DESCRIPTOR))
            .setEnum(Cudnn.CUDNN_ATTR_POINTWISE_MODE, Cudnn.CUDNN_TYPE_POINTWISE_MODE, mode)
            .setEnum(
                Cudnn.CUDNN_ATTR_POINTWISE_MATH_PREC,
                Cudnn.CUDNN_TYPE_DATA_TYPE,
                Cudnn.CUDNN_DATA_FLOAT)
            .finish();
    CudnnDescriptor operation =
        owned
            .add(CudnnDescriptor.of(Cudnn.CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR))
            .set(Cudnn.CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, operator)
            .set(Cudnn.CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    if (b != null) {
      operation.set(Cudnn.CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b);
    }
    return operation.set(Cudnn.CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y).finish();
  }
}
