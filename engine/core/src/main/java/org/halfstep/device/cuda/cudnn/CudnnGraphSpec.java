package org.halfstep.device.cuda.cudnn;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.halfstep.device.DataType;
import org.halfstep.device.Owned;

/** What cuDNN makes a plan for; its text names everything that the plan depends on. */
sealed interface CudnnGraphSpec permits CudnnConvolutionGraph, CudnnAttentionGraph {
  /** Storage of what it reads and writes, and how it multiplies. */
  DataType type();

  /** What is computed by cuDNN where it has no engine for all of this; empty for nothing. */
  Optional<CudnnGraphSpec> core();

  /** What the graph reads and writes in device memory. */
  List<TrialMemory.Tensor> tensors();

  /** Ids of the float32 numbers that it reads in host memory, with values that are usual. */
  Map<Long, Float> numbers();

  /**
   * The finished operation graph.
   *
   * @param owned closes it, and everything that it refers to
   * @param target where it is to run
   */
  CudnnDescriptor graph(Owned owned, CudnnTarget target);
}
