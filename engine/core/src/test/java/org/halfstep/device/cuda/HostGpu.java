package org.halfstep.device.cuda;

import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.AttentionShape;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.ConvolutionRequest;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.device.cuda.library.LibraryAttention;
import org.halfstep.device.cuda.library.LibraryOperations;

/**
 * A CUDA device over a {@link HostDriver}, the CPU's kernels and the CPU's convolutions: everything
 * of the device but the GPU, so that its results are those of a CPU without norms inside
 * convolutions, bit for bit.
 */
final class HostGpu implements AutoCloseable {
  final HostDriver driver = new HostDriver();
  final CudaDevice device;

  HostGpu() {
    this(shape -> Optional.empty());
  }

  /**
   * @param attention what a library computes of attention
   */
  HostGpu(Function<AttentionShape, Optional<LibraryAttention>> attention) {
    Owned owned = new Owned();
    Device cpu = owned.add(new CpuDevice(0, ConvolutionAlgorithm.DIRECT));
    Kernels kernels = Kernels.cpu();
    device =
        CudaDevice.of(
            driver,
            kernels,
            stream -> {
              Operations operations = owned.add(cpu.operations());
              return new LibraryOperations() {
                @Override
                public Convolution convolution(ConvolutionRequest request) {
                  return operations.convolution(
                      new ConvolutionRequest(
                          request.shape(),
                          request.channels0(),
                          request.type() == DataType.TF32 ? DataType.F32 : request.type(),
                          request.training(),
                          request.weights(),
                          request.prologue(),
                          request.epilogue()));
                }

                @Override
                public Optional<LibraryAttention> attention(AttentionShape shape) {
                  return attention.apply(shape);
                }
              };
            },
            owned,
            List::of);
  }

  @Override
  public void close() {
    device.close();
  }
}
