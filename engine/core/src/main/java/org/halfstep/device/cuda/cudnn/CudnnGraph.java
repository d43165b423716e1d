package org.halfstep.device.cuda.cudnn;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.bindings.Cudnn;
import org.halfstep.device.Owned;

/**
 * An operation graph of cuDNN in the making: tensors, and operations between them that compute in
 * float32. Tensors have an id, by which a run names their memory; intermediate ones never reach
 * memory.
 */
final class CudnnGraph {
  private static final long FIRST_INTERMEDIATE = 100;

  /** Vector loads of tensor cores: 16 bytes. */
  private static final long ALIGNMENT = 16;

  private final Owned owned;
  private final CudnnTarget target;
  private final List<CudnnDescriptor> operations = new ArrayList<>();
  private long nextIntermediate = FIRST_INTERMEDIATE;

  /**
   * @param owned closes everything that is made here
   */
  CudnnGraph(Owned owned, CudnnTarget target) {
    this.owned = owned;
    this.target = target;
  }

  /**
   * A tensor in device memory.
   *
   * @param id below 100
   * @param dtype one of {@code CUDNN_DATA_...}
   * @param strides elements from one index to the next, per dimension
   */
  CudnnDescriptor tensor(long id, int dtype, long[] sizes, long[] strides) {
    return describe(id, dtype, sizes, strides).finish();
  }

  /** What one operation leaves for another. */
  CudnnDescriptor intermediate(int dtype, long[] sizes, long[] strides) {
    return describe(nextIntermediate++, dtype, sizes, strides)
        .setBoolean(Cudnn.CUDNN_ATTR_TENSOR_IS_VIRTUAL, true)
        .finish();
  }

  /** One float32 in host memory, read when the graph is run. */
  CudnnDescriptor number(long id) {
    long[] one = {1, 1, 1, 1};
    return describe(id, Cudnn.CUDNN_DATA_FLOAT, one, one)
        .setBoolean(Cudnn.CUDNN_ATTR_TENSOR_IS_BY_VALUE, true)
        .finish();
  }

  private CudnnDescriptor describe(long id, int dtype, long[] sizes, long[] strides) {
    return descriptor(Cudnn.CUDNN_BACKEND_TENSOR_DESCRIPTOR)
        .set(Cudnn.CUDNN_ATTR_TENSOR_UNIQUE_ID, id)
        .setEnum(Cudnn.CUDNN_ATTR_TENSOR_DATA_TYPE, Cudnn.CUDNN_TYPE_DATA_TYPE, dtype)
        .set(Cudnn.CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, ALIGNMENT)
        .set(Cudnn.CUDNN_ATTR_TENSOR_DIMENSIONS, sizes)
        .set(Cudnn.CUDNN_ATTR_TENSOR_STRIDES, strides);
  }

  /** An empty descriptor that is closed with the graph. */
  CudnnDescriptor descriptor(int kind) {
    return owned.add(CudnnDescriptor.of(kind));
  }

  /** Adds an operation whose attributes are set. */
  void add(CudnnDescriptor operation) {
    operations.add(operation.finish());
  }

  /**
   * y = mode(x, b).
   *
   * @param mode one of {@code CUDNN_POINTWISE_...}
   * @param b null for a function of one argument
   */
  void pointwise(int mode, CudnnDescriptor x, CudnnDescriptor b, CudnnDescriptor y) {
    CudnnDescriptor operator =
        descriptor(Cudnn.CUDNN_BACKEND_POINTWISE_DESCRIPTOR)
            .setEnum(Cudnn.CUDNN_ATTR_POINTWISE_MODE, Cudnn.CUDNN_TYPE_POINTWISE_MODE, mode)
            .setEnum(
                Cudnn.CUDNN_ATTR_POINTWISE_MATH_PREC,
                Cudnn.CUDNN_TYPE_DATA_TYPE,
                Cudnn.CUDNN_DATA_FLOAT)
            .finish();
    CudnnDescriptor operation =
        descriptor(Cudnn.CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)
            .set(Cudnn.CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, operator)
            .set(Cudnn.CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    if (b != null) {
      operation.set(Cudnn.CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b);
    }
    add(operation.set(Cudnn.CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y));
  }

  /** c = a b, matrices in the last two dimensions. */
  void matmul(CudnnDescriptor a, CudnnDescriptor b, CudnnDescriptor c) {
    CudnnDescriptor product =
        descriptor(Cudnn.CUDNN_BACKEND_MATMUL_DESCRIPTOR)
            .setEnum(
                Cudnn.CUDNN_ATTR_MATMUL_COMP_TYPE,
                Cudnn.CUDNN_TYPE_DATA_TYPE,
                Cudnn.CUDNN_DATA_FLOAT)
            .finish();
    add(
        descriptor(Cudnn.CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR)
            .set(Cudnn.CUDNN_ATTR_OPERATION_MATMUL_ADESC, a)
            .set(Cudnn.CUDNN_ATTR_OPERATION_MATMUL_BDESC, b)
            .set(Cudnn.CUDNN_ATTR_OPERATION_MATMUL_CDESC, c)
            .set(Cudnn.CUDNN_ATTR_OPERATION_MATMUL_DESC, product));
  }

  /** y = the sums of x over those dimensions in which y has size 1. */
  void sum(CudnnDescriptor x, CudnnDescriptor y) {
    CudnnDescriptor reduction =
        descriptor(Cudnn.CUDNN_BACKEND_REDUCTION_DESCRIPTOR)
            .setEnum(
                Cudnn.CUDNN_ATTR_REDUCTION_OPERATOR,
                Cudnn.CUDNN_TYPE_REDUCTION_OPERATOR_TYPE,
                Cudnn.CUDNN_REDUCE_TENSOR_ADD)
            .setEnum(
                Cudnn.CUDNN_ATTR_REDUCTION_COMP_TYPE,
                Cudnn.CUDNN_TYPE_DATA_TYPE,
                Cudnn.CUDNN_DATA_FLOAT)
            .finish();
    add(
        descriptor(Cudnn.CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR)
            .set(Cudnn.CUDNN_ATTR_OPERATION_REDUCTION_XDESC, x)
            .set(Cudnn.CUDNN_ATTR_OPERATION_REDUCTION_YDESC, y)
            .set(Cudnn.CUDNN_ATTR_OPERATION_REDUCTION_DESC, reduction));
  }

  /** y = x, seen with other sizes and strides. */
  void reshape(CudnnDescriptor x, CudnnDescriptor y) {
    add(
        descriptor(Cudnn.CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR)
            .set(Cudnn.CUDNN_ATTR_OPERATION_RESHAPE_XDESC, x)
            .set(Cudnn.CUDNN_ATTR_OPERATION_RESHAPE_YDESC, y));
  }

  /** The finished graph of all operations that were added. */
  CudnnDescriptor finish() {
    CudnnDescriptor graph = descriptor(Cudnn.CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    target.bindGraph(graph);
    return graph
        .set(Cudnn.CUDNN_ATTR_OPERATIONGRAPH_OPS, operations.toArray(new CudnnDescriptor[0]))
        .finish();
  }
}
