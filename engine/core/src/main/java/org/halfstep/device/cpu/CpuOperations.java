package org.halfstep.device.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.Activation;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.ConvolutionRequest;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.QuantizedConvolution;
import org.halfstep.device.Sequence;
import org.halfstep.device.WeightChoice;
import org.halfstep.device.WeightForm;
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
  public Convolution convolution(ConvolutionRequest request) {
    ConvolutionShape shape = request.shape();
    WeightChoice weights = request.weights();
    // ReLU is nearly free behind oneDNN's sums; the others cost as much there as in a pass of ours.
    boolean ours = request.epilogue().activation() != Activation.RELU;
    if (ours && PointwiseConvolution.isChosen(algorithm, shape, request.type())) {
      return own(
          weights == null
              ? new PointwiseConvolution(arguments, shape, request.training())
              : PointwiseConvolution.reading(weights.type(), weights.form(), arguments, shape));
    }
    int tile =
        WinogradConvolution.tile(
            weights == null ? algorithm : weights.algorithm(), shape, request.type());
    if (ours && tile != 0 && WinogradConvolution.splitsAt(request.channels0())) {
      return own(
          weights != null && weights.form() != WeightForm.PACKED
              ? WinogradConvolution.ofTaps(weights.type(), weights.form(), arguments, shape, tile)
              : new WinogradConvolution(arguments, shape, request.training(), tile));
    }
    return own(
        new OneDnnConvolution(
            engine, shape, request.type(), request.training(), request.epilogue().activation()));
  }

  @Override
  public QuantizedConvolution quantizedConvolution(ConvolutionShape shape, DataType output) {
    return own(new OneDnnQuantizedConvolution(engine, shape, output));
  }

  @Override
  public Sequence record(List<Launch> launches) {
    return Sequence.loop(launches);
  }
}
