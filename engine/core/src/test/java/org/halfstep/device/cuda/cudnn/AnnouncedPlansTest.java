package org.halfstep.device.cuda.cudnn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.halfstep.bindings.CudaLibrary;
import org.halfstep.bindings.Cudnn;
import org.halfstep.bindings.Kernels;
import org.halfstep.bindings.NativeLibraryException;
import org.halfstep.device.AttentionShape;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.ConvolutionRequest;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.device.cuda.CudaDevice;
import org.halfstep.device.cuda.HostDriver;
import org.halfstep.device.cuda.cublas.CublasConvolution;
import org.halfstep.device.cuda.library.LibraryAttention;
import org.halfstep.device.cuda.library.LibraryOperations;
import org.halfstep.graph.Graph;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.UNetConfig;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * That a network announces every plan of cuDNN before it waits for one, and none that it does not
 * need: else they would be made one after the other. Nothing is planned and nothing runs.
 */
class AnnouncedPlansTest {
  /** Attention at 8x8, which cuDNN takes; channels of the image that are padded. */
  private static final UNetConfig CONFIG =
      new UNetConfig(
          16,
          3,
          64,
          3,
          1,
          List.of(8),
          List.of(1.0, 2.0, 2.0),
          10,
          true,
          64,
          null,
          true,
          true,
          true,
          false,
          0,
          null);

  private final Set<PlanRequest> started = new LinkedHashSet<>();
  private final Set<PlanRequest> found = new HashSet<>();
  private final List<PlanRequest> late = new ArrayList<>();

  @BeforeAll
  static void cudnnIsThere() {
    try {
      CudaLibrary.CUBLASLT.load();
      CudaLibrary.CUDNN.load();
    } catch (NativeLibraryException absent) {
      assumeTrue(false, "cuDNN and cuBLASLt were not found, so no memory can be bound");
    }
  }

  /** Something that can be bound. */
  private Optional<CudnnPlan> find(PlanRequest request) {
    found.add(request);
    if (!started.contains(request)) {
      late.add(request);
    }
    return Optional.of(
        new CudnnPlan(
            CudnnDescriptor.of(Cudnn.CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR), 1 << 20, "any"));
  }

  private LibraryOperations operations(Operations cpu, Owned owned) {
    WantedPlans plans = new WantedPlans(started::add, this::find);
    MemorySegment stream = MemorySegment.ofAddress(1);
    return new LibraryOperations() {
      @Override
      public Convolution convolution(ConvolutionRequest request) {
        return CublasConvolution.suits(request.shape())
            ? cpu.convolution(request)
            : new CudnnConvolution(null, plans, Kernels.cpu(), stream, request);
      }

      @Override
      public Optional<LibraryAttention> attention(AttentionShape shape) {
        return CudnnAttention.suits(shape, Cudnn.cudnnGetVersion())
            ? Optional.of(owned.add(new CudnnAttention(null, plans, stream, shape, true)))
            : Optional.empty();
      }
    };
  }

  private void plan(PlanOptions options) {
    Owned owned = new Owned();
    Device cpu = owned.add(new CpuDevice(0, ConvolutionAlgorithm.DIRECT));
    Operations convolutions = owned.add(cpu.operations());
    Graph graph = CONFIG.graph();
    try (Device device =
            CudaDevice.of(
                new HostDriver(),
                Kernels.cpu(),
                stream -> operations(convolutions, owned),
                owned,
                List::of);
        ParameterSlab weights = new ParameterSlab(device, graph, "weights")) {
      if (options.training()) {
        try (ParameterSlab gradients = new ParameterSlab(device, graph, "gradients")) {
          Plan.training(device, graph, options, weights, gradients).close();
        }
      } else {
        Plan.inference(device, graph, options, weights).close();
      }
    }
  }

  @Test
  void anInferencePlanWaitsForNothingThatItDidNotAnnounce() {
    plan(PlanOptions.inference(2).withType(DataType.BF16));
    assertEquals(List.of(), late);
    assertEquals(started, found);
    assertTrue(
        started.stream().anyMatch(request -> request.operation() instanceof CudnnAttentionGraph));
  }

  @Test
  void aTrainingPlanWaitsForNothingThatItDidNotAnnounce() {
    plan(PlanOptions.training(2, 0).withType(DataType.BF16));
    assertEquals(List.of(), late);
    // The gradient of the image is not asked for, so its convolution's stays unused.
    assertTrue(started.containsAll(found));
    assertEquals(1, started.size() - found.size());
  }

  @Test
  void aPlanThatIsOnlyMeasuredMakesNone() {
    Owned owned = new Owned();
    Device cpu = owned.add(new CpuDevice(0, ConvolutionAlgorithm.DIRECT));
    Operations convolutions = owned.add(cpu.operations());
    try (Device device =
        CudaDevice.of(
            new HostDriver(),
            Kernels.cpu(),
            stream -> operations(convolutions, owned),
            owned,
            List::of)) {
      Plan.requiredBytes(device, CONFIG.graph(), PlanOptions.inference(2).withType(DataType.BF16));
    }
    assertTrue(started.isEmpty());
  }
}
