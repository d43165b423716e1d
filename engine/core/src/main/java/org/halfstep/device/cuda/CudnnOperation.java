package org.halfstep.device.cuda;

import org.halfstep.device.DataType;
import org.halfstep.device.Owned;

/** What cuDNN makes a plan for; its text names everything that the plan depends on. */
sealed interface CudnnOperation permits ConvolutionOperation, AttentionOperation {
  /** Storage of what it reads and writes, and how it multiplies. */
  DataType type();

  /**
   * The finished operation graph.
   *
   * @param owned closes it, and everything that it refers to
   * @param target where it is to run
   */
  CudnnDescriptor graph(Owned owned, CudnnTarget target);
}
