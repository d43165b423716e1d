package org.halfstep.device.cuda.cublas;

import static org.halfstep.device.kernels.KernelBinder.code;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Set;
import org.halfstep.bindings.CublasLt;
import org.halfstep.bindings.Kernel;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.Activation;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionRequest;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.Owned;
import org.halfstep.device.PackedLayout;
import org.halfstep.device.Window;
import org.halfstep.device.cuda.library.Scratch;
import org.halfstep.device.kernels.KernelBinder;

/**
 * {@link Convolution} with a window of one pixel, and so every linear layer, as a matrix product by
 * cuBLASLt: each pixel is a row. Row-major [rows, channels] is what cuBLASLt calls a matrix of
 * channels by rows, so products are written transposed.
 *
 * <p>In float32 the stored weight is read and its gradient written in place. In bfloat16 the packed
 * weight is [outputs, inputs] in bfloat16, and behind it lies the bias in bfloat16, which is how
 * cuBLASLt wants it: {@link #packForward} packs the bias that {@link #forward} was bound with. The
 * bias gradient comes with the weight gradient where the library can, else from a kernel of ours.
 */
public final class CublasConvolution implements Convolution {
  private static final int MOST_ALIGNED = 256;

  private final Matmuls matmuls;
  private final KernelBinder kernels;
  private final MemorySegment stream;
  private final ConvolutionShape shape;
  private final DataType type;
  private final boolean training;
  private final boolean relu;
  private final long rows;
  private final int inputs;
  private final int outputs;
  private final Owned owned = new Owned();

  /**
   * @param stream what launches go to
   */
  public CublasConvolution(
      Matmuls matmuls, Kernels kernels, MemorySegment stream, ConvolutionRequest request) {
    this.matmuls = matmuls;
    this.kernels = new KernelBinder(kernels, stream, owned.add(Arena.ofShared()));
    this.stream = stream;
    this.shape = request.shape();
    this.type = request.type();
    this.training = request.training();
    this.relu = request.epilogue().activation() == Activation.RELU;
    this.rows = (long) shape.batch() * shape.height() * shape.width();
    this.inputs = shape.inputChannels();
    this.outputs = shape.outputChannels();
  }

  /** Whether every output pixel depends on the input pixel in its place alone. */
  public static boolean suits(ConvolutionShape shape) {
    return shape.window().equals(Window.PIXEL);
  }

  @Override
  public ConvolutionShape shape() {
    return shape;
  }

  @Override
  public Set<ConvolutionRequest.Part> taken() {
    return relu
        ? EnumSet.of(ConvolutionRequest.Part.ACTIVATION)
        : EnumSet.noneOf(ConvolutionRequest.Part.class);
  }

  private boolean packs() {
    return type == DataType.BF16;
  }

  private long weightBytes() {
    return Scratch.rounded((long) outputs * inputs * type.bytes());
  }

  /** Elements between rows of the weight that the products read. */
  private long weightStride() {
    return packs() ? inputs : shape.weightInputStride();
  }

  private long weightAddress(long weight) {
    return packs() ? weight : Scratch.storedWeight(shape, weight);
  }

  @Override
  public long packedForwardBytes() {
    return packs() ? weightBytes() + Scratch.rounded((long) outputs * type.bytes()) : 0;
  }

  @Override
  public PackedLayout packedLayout() {
    return new PackedLayout.Plain("cuBLASLt, " + type, inputs, outputs, shape.weightInputOffset());
  }

  @Override
  public long forwardScratchBytes() {
    return Matmuls.WORKSPACE_BYTES;
  }

  @Override
  public Launch packForward(long storedWeight, long bias, long packedWeight) {
    Launch weight = packBackward(storedWeight, packedWeight);
    if (bias == 0 || !packs()) {
      return weight;
    }
    Launch converted =
        kernels
            .bind(Kernel.CONVERT)
            .with("src src_dtype dst", bias, Kernels.HS_F32, packedWeight + weightBytes())
            .with("dst_dtype count", code(type), outputs);
    return Scratch.inOrder(weight, converted);
  }

  @Override
  public Launch forward(Input input, long weight, Output output, long scratch) {
    long x = input.x0();
    long bias = output.bias();
    long residual = output.residual();
    long y = output.y();
    // In bfloat16 the library wants the bias in that type as well: it lies behind the weight.
    long biasAddress = bias != 0 && packs() ? weight + weightBytes() : bias;
    long a = weightAddress(weight);
    Matmul product =
        new Matmul(
            outputs,
            rows,
            inputs,
            true,
            weightStride(),
            false,
            inputs,
            outputs,
            type,
            type,
            epilogue(bias != 0),
            residual != 0,
            alignment(a, x, residual, y, biasAddress));
    return matmuls.bind(owned, stream, product, a, x, residual, y, biasAddress, scratch);
  }

  private int epilogue(boolean bias) {
    if (relu) {
      return bias
          ? CublasLt.CUBLASLT_EPILOGUE_RELU | CublasLt.CUBLASLT_EPILOGUE_BIAS
          : CublasLt.CUBLASLT_EPILOGUE_RELU;
    }
    return bias ? CublasLt.CUBLASLT_EPILOGUE_BIAS : CublasLt.CUBLASLT_EPILOGUE_DEFAULT;
  }

  @Override
  public long packedBackwardBytes() {
    return training && packs() ? weightBytes() : 0;
  }

  @Override
  public long backwardDataScratchBytes() {
    return training ? Matmuls.WORKSPACE_BYTES : 0;
  }

  @Override
  public Launch packBackward(long storedWeight, long packedWeight) {
    if (!packs()) {
      return () -> {};
    }
    return kernels
        .bind(Kernel.FILTER_PACK)
        .with("weight packed", Scratch.storedWeight(shape, storedWeight), packedWeight)
        .with("stride in out taps", shape.weightInputStride(), inputs, outputs, 1)
        .with("packed_in packed_out dtype", inputs, outputs, code(type));
  }

  @Override
  public Launch backwardData(long dy, long weight, long dx, long scratch) {
    requireTraining();
    long a = weightAddress(weight);
    Matmul product =
        new Matmul(
            inputs,
            rows,
            outputs,
            false,
            weightStride(),
            false,
            outputs,
            inputs,
            type,
            type,
            CublasLt.CUBLASLT_EPILOGUE_DEFAULT,
            false,
            alignment(a, dy, dx));
    return matmuls.bind(owned, stream, product, a, dy, 0, dx, 0, scratch);
  }

  /** Gradients are written where they are stored. */
  @Override
  public long packedGradientBytes() {
    return 0;
  }

  @Override
  public long backwardWeightsScratchBytes() {
    return training ? Matmuls.WORKSPACE_BYTES + Scratch.sumRowsBytes(kernels, rows, outputs) : 0;
  }

  @Override
  public Launch backwardWeights(Input input, long dy, long dweight, long dbias, long scratch) {
    requireTraining();
    long x = input.x0();
    long target = Scratch.storedWeight(shape, dweight);
    if (dbias != 0) {
      Matmul both = weightGradient(x, dy, target, dbias);
      if (matmuls.supports(both)) {
        return matmuls.bind(owned, stream, both, x, dy, 0, target, dbias, scratch);
      }
    }
    Launch gradient =
        matmuls.bind(owned, stream, weightGradient(x, dy, target, 0), x, dy, 0, target, 0, scratch);
    if (dbias == 0) {
      return gradient;
    }
    Launch sums =
        kernels
            .bind(Kernel.SUM_ROWS)
            .with("x out workspace rows", dy, dbias, scratch + Matmuls.WORKSPACE_BYTES, rows)
            .with("c dtype", outputs, code(type));
    return Scratch.inOrder(gradient, sums);
  }

  private Matmul weightGradient(long x, long dy, long dweight, long dbias) {
    return new Matmul(
        inputs,
        outputs,
        rows,
        false,
        inputs,
        true,
        outputs,
        shape.weightInputStride(),
        type,
        type == DataType.BF16 ? DataType.F32 : type,
        dbias == 0 ? CublasLt.CUBLASLT_EPILOGUE_DEFAULT : CublasLt.CUBLASLT_EPILOGUE_BGRADB,
        false,
        alignment(x, dy, dweight, dbias));
  }

  @Override
  public Launch unpackGradient(long packedGradient, long storedGradient) {
    return () -> {};
  }

  @Override
  public void close() {
    owned.close();
  }

  /** The largest power of two, up to what matters, that divides all addresses. */
  private static int alignment(long... addresses) {
    long all = MOST_ALIGNED;
    for (long each : addresses) {
      all |= each;
    }
    return (int) Long.lowestOneBit(all);
  }

  private void requireTraining() {
    if (!training) {
      throw new IllegalStateException(
          "this convolution was created for inference: create it for training to run backward");
    }
  }
}
