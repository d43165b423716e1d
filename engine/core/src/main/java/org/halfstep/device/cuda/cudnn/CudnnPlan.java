package org.halfstep.device.cuda.cudnn;

import java.util.Arrays;
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

  /** The memory of one run: ids of tensors and their addresses, 0 for what is not in the graph. */
  static CudnnDescriptor variantPack(long[] ids, long[] addresses, long workspace) {
    long[] presentIds = new long[ids.length];
    long[] presentAddresses = new long[ids.length];
    int count = 0;
    for (int i = 0; i < ids.length; i++) {
      if (addresses[i] != 0) {
        presentIds[count] = ids[i];
        presentAddresses[count++] = addresses[i];
      }
    }
    return CudnnDescriptor.of(Cudnn.CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)
        .set(Cudnn.CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, Arrays.copyOf(presentIds, count))
        .setPointers(
            Cudnn.CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS,
            Cudnn.CUDNN_TYPE_VOID_PTR,
            Arrays.copyOf(presentAddresses, count))
        .setPointers(Cudnn.CUDNN_ATTR_VARIANT_PACK_WORKSPACE, Cudnn.CUDNN_TYPE_VOID_PTR, workspace)
        .finish();
  }

  @Override
  public void close() {
    descriptor.close();
  }
}
