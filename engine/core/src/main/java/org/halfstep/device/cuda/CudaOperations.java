package org.halfstep.device.cuda;

import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.halfstep.device.AttentionShape;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionRequest;
import org.halfstep.device.Launch;
import org.halfstep.device.Sequence;
import org.halfstep.device.cuda.library.LibraryAttention;
import org.halfstep.device.cuda.library.LibraryOperations;
import org.halfstep.device.kernels.KernelOperations;

/** Operations on one stream of a GPU: our own kernels, cuDNN and cuBLASLt. */
final class CudaOperations extends KernelOperations {
  private final CudaContext context;
  private final long stream;
  private final LibraryOperations libraries;
  private final Map<AttentionShape, Optional<LibraryAttention>> attentions = new HashMap<>();

  CudaOperations(CudaContext context, long stream) {
    super(context.kernels(), MemorySegment.ofAddress(stream));
    this.context = context;
    this.stream = stream;
    this.libraries = context.libraryOperations(stream);
  }

  @Override
  public Convolution convolution(ConvolutionRequest request) {
    return own(libraries.convolution(request));
  }

  @Override
  public long attentionWorkspaceBytes(AttentionShape shape, boolean backward) {
    long ours = super.attentionWorkspaceBytes(shape, backward);
    return attention(shape)
        .map(
            library ->
                backward ? library.backwardWorkspaceBytes() : library.forwardWorkspaceBytes())
        .map(theirs -> Math.max(ours, theirs))
        .orElse(ours);
  }

  @Override
  public Launch attentionForward(AttentionShape shape, AttentionShape.Memory memory) {
    return attention(shape)
        .flatMap(library -> library.forward(memory))
        .orElseGet(() -> super.attentionForward(shape, memory));
  }

  @Override
  public Launch attentionBackward(
      AttentionShape shape, AttentionShape.Memory memory, AttentionShape.Gradients gradients) {
    return attention(shape)
        .flatMap(library -> library.backward(memory, gradients))
        .orElseGet(() -> super.attentionBackward(shape, memory, gradients));
  }

  private Optional<LibraryAttention> attention(AttentionShape shape) {
    return attentions.computeIfAbsent(shape, wanted -> libraries.attention(wanted).map(this::own));
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
