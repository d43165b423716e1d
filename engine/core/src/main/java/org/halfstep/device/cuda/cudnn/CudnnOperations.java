package org.halfstep.device.cuda.cudnn;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.halfstep.bindings.Cudnn;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.AttentionShape;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionRequest;
import org.halfstep.device.cuda.library.LibraryAttention;
import org.halfstep.device.cuda.library.LibraryOperations;

/**
 * What cuDNN computes on one stream. The plans of all that is asked of it are made together, when
 * the first of them is needed.
 */
public final class CudnnOperations implements LibraryOperations {
  private final CudnnLibrary library;
  private final WantedPlans plans;
  private final Kernels kernels;
  private final MemorySegment stream;
  private final boolean deterministic;

  CudnnOperations(
      CudnnLibrary library,
      WantedPlans plans,
      Kernels kernels,
      MemorySegment stream,
      boolean deterministic) {
    this.library = library;
    this.plans = plans;
    this.kernels = kernels;
    this.stream = stream;
    this.deterministic = deterministic;
  }

  @Override
  public Convolution convolution(ConvolutionRequest request) {
    return new CudnnConvolution(library, plans, kernels, stream, request);
  }

  /**
   * Empty where cuDNN does not compute it. Where the same input must give the same bits, its
   * backward pass is not cuDNN's, which adds up in the order in which blocks finish: its notes say
   * nothing of that order.
   */
  @Override
  public Optional<LibraryAttention> attention(AttentionShape shape) {
    return CudnnAttention.suits(shape, Cudnn.cudnnGetVersion())
        ? Optional.of(new CudnnAttention(library, plans, stream, shape, !deterministic))
        : Optional.empty();
  }
}
