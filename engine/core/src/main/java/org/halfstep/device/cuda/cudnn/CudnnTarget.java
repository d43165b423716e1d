package org.halfstep.device.cuda.cudnn;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.halfstep.bindings.Cudnn;

/**
 * What cuDNN plans for: the device of a handle, or one that is only described (cuDNN 9.8 and later
 * plan for a GPU that is not there).
 *
 * @param handle a {@code cudnnHandle_t} of its own, 0 for none
 * @param properties a finished device descriptor, null where there is a handle
 */
record CudnnTarget(long handle, CudnnDescriptor properties) implements AutoCloseable {

  /** The device that is current in this thread, with a handle of its own. */
  static CudnnTarget current() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
      Cudnn.cudnnCreate(out);
      return new CudnnTarget(out.get(ValueLayout.ADDRESS, 0).address(), null);
    }
  }

  /**
   * A device that need not be there.
   *
   * @param json its properties as cuDNN writes them
   */
  static CudnnTarget described(String json) {
    return new CudnnTarget(
        0,
        CudnnDescriptor.of(Cudnn.CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR)
            .setText(Cudnn.CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, json)
            .finish());
  }

  void bindGraph(CudnnDescriptor graph) {
    if (properties == null) {
      graph.setPointers(Cudnn.CUDNN_ATTR_OPERATIONGRAPH_HANDLE, Cudnn.CUDNN_TYPE_HANDLE, handle);
    }
  }

  void bindHeuristics(CudnnDescriptor heuristics) {
    if (properties != null) {
      heuristics.set(Cudnn.CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, properties);
    }
  }

  void bindPlan(CudnnDescriptor plan) {
    if (properties == null) {
      plan.setPointers(Cudnn.CUDNN_ATTR_EXECUTION_PLAN_HANDLE, Cudnn.CUDNN_TYPE_HANDLE, handle);
    } else {
      plan.set(Cudnn.CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, properties);
    }
  }

  @Override
  public void close() {
    if (properties != null) {
      properties.close();
    } else if (handle != 0) {
      Cudnn.cudnnDestroy(MemorySegment.ofAddress(handle));
    }
  }
}
