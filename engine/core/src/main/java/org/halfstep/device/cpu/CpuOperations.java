package org.halfstep.device.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.QuantizedConvolution;
import org.halfstep.device.Sequence;
import org.halfstep.device.kernels.KernelOperations;

/** Operations on the CPU: our own kernels and oneDNN. */
final class CpuOperations extends KernelOperations {
  private static final Kernels KERNELS = Kernels.cpu();

  /** The CPU's kernels run in the calling thread's parallel region; there is no stream. */
  private static final MemorySegment NO_STREAM = MemorySegment.NULL;

  private final OneDnnEngine engine;

  private final ConvolutionAlgorithm algorithm;
  private final Arena arguments = own(Arena.ofShared());

  CpuOperations(OneDnnEngine engine, ConvolutionAlgorithm algorithm) {
    super(KERNELS, NO_STREAM);
    this.engine = engine;
    this.algorithm = algorithm;
  }

  @Override
  public Convolution convolution(ConvolutionShape shape, DataType type, boolean training) {
    if (PointwiseConvolution.isChosen(algorithm, shape, type)) {
      return own(new PointwiseConvolution(arguments, shape, training));
    }
    int tile = WinogradConvolution.tile(algorithm, shape, type);
    return own(
        tile != 0
            ? new WinogradConvolution(arguments, shape, training, tile)
            : OneDnnConvolution.create(engine, shape, type, training));
  }

  @Override
  public QuantizedConvolution quantizedConvolution(ConvolutionShape shape, DataType output) {
    return own(new OneDnnQuantizedConvolution(engine, shape, output));
  }

  @Override
  public boolean isFused(ConvolutionShape shape, int channels0, DataType type) {
    return PointwiseConvolution.isChosen(algorithm, shape, type)
        || WinogradConvolution.tile(algorithm, shape, type) != 0
            && WinogradConvolution.splitsAt(channels0);
  }

  @Override
  public Sequence record(List<Launch> launches) {
    return Sequence.loop(launches);
  }
}
