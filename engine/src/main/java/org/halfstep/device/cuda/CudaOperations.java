package org.halfstep.device.cuda;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.Sequence;
import org.halfstep.device.kernels.KernelOperations;

/** Operations on one stream of a GPU: our own kernels, cuDNN and cuBLASLt. */
final class CudaOperations extends KernelOperations {
  private final CudaContext context;
  private final long stream;
  private final ConvolutionFactory convolutions;

  CudaOperations(CudaContext context, long stream) {
    super(context.kernels(), MemorySegment.ofAddress(stream));
    this.context = context;
    this.stream = stream;
    this.convolutions = context.convolutions(stream);
  }

  @Override
  public Convolution convolution(ConvolutionShape shape, DataType type, boolean training) {
    return own(convolutions.create(shape, type, training));
  }

  @Override
  public Sequence record(List<Launch> launches) {
    return own(new RecordedSequence(context, stream, launches));
  }

  @Override
  public void close() {
    context.driver().makeCurrent();
    // What is freed here may still be running.
    context.driver().synchronizeStream(stream);
    super.close();
  }
}
