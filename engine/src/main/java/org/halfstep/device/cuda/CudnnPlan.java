package org.halfstep.device.cuda;

import org.halfstep.bindings.Cudnn;

/**
 * An operation graph compiled for a device: it runs on any memory.
 *
 * @param descriptor the finished execution plan
 * @param workspaceBytes memory that a run needs beside the tensors
 * @param engine which of cuDNN's engines it is, for people
 */
record CudnnPlan(CudnnDescriptor descriptor, long workspaceBytes, String engine)
    implements AutoCloseable {

  /** A plan whose descriptor is finished. */
  static CudnnPlan of(CudnnDescriptor descriptor, String engine) {
    return new CudnnPlan(
        descriptor, descriptor.getLong(Cudnn.CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE), engine);
  }

  /** The memory of one run: ids of tensors and their addresses. */
  static CudnnDescriptor variantPack(long[] ids, long[] addresses, long workspace) {
    return CudnnDescriptor.of(Cudnn.CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)
        .set(Cudnn.CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids)
        .setPointers(
            Cudnn.CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, Cudnn.CUDNN_TYPE_VOID_PTR, addresses)
        .setPointers(Cudnn.CUDNN_ATTR_VARIANT_PACK_WORKSPACE, Cudnn.CUDNN_TYPE_VOID_PTR, workspace)
        .finish();
  }

  @Override
  public void close() {
    descriptor.close();
  }
}
