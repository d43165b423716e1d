package org.halfstep.device.cuda;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.LongFunction;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.halfstep.bindings.CudaLibrary;
import org.halfstep.bindings.Kernels;
import org.halfstep.bindings.NativeLibrary;
import org.halfstep.bindings.NativeLibraryException;
import org.halfstep.device.Ceiling;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.DevicePart;
import org.halfstep.device.GpuOptions;
import org.halfstep.device.HostView;
import org.halfstep.device.OperationCeiling;
import org.halfstep.device.Operations;
import org.halfstep.device.Slab;
import org.halfstep.device.cuda.cudnn.CudnnLibrary;
import org.halfstep.device.cuda.driver.CudaException;
import org.halfstep.device.cuda.driver.CudaUnavailableException;
import org.halfstep.device.cuda.driver.Driver;
import org.halfstep.device.cuda.driver.Gpu;
import org.halfstep.device.cuda.driver.LwjglDriver;
import org.halfstep.device.cuda.library.LibraryOperations;

/**
 * An NVIDIA GPU, Ampere or newer. Each instance is one stream; {@link #stream} makes another of the
 * same GPU. Nothing of CUDA is touched before {@link #open}.
 */
public final class CudaDevice implements Device {
  /** The parts that decide how results are rounded. */
  private static final String LIBRARIES = "libraries";

  private static final String ALGORITHMS = "algorithms";

  /** CUDA 13.0, which came with driver 580. */
  private static final int CUDA_13 = 13_000;

  private static final String DRIVER = "NVIDIA driver 580 or newer";

  private static final long TRIAL_BYTES = 256;

  /** Rows and columns of a result that one multiprocessor works on at a time, about. */
  private static final int TILE = 128;

  /** Tiles per multiprocessor when its speed is measured. */
  private static final int TILES_EACH = 16;

  private static final long MOST_COPIED = 1L << 30;
  private static final int COPIED_SHARE = 16;

  private final CudaContext context;
  private final long stream;
  private final boolean ownsContext;
  private final Supplier<List<DevicePart>> parts;
  private boolean closed;

  private CudaDevice(
      CudaContext context, long stream, boolean ownsContext, Supplier<List<DevicePart>> parts) {
    this.context = context;
    this.stream = stream;
    this.ownsContext = ownsContext;
    this.parts = parts;
  }

  /**
   * Opens a GPU with its libraries and tries a kernel on it.
   *
   * @param ordinal its number, from 0
   * @throws CudaUnavailableException if it cannot be used; the message says in one line what was
   *     looked for and where
   */
  public static CudaDevice open(int ordinal, GpuOptions options) {
    Optional<String> noDriver = problem(() -> NativeLibrary.CUDA_DRIVER.load());
    if (noDriver.isPresent()) {
      requireLibraries(noDriver.map(text -> text + " (" + DRIVER + ")"));
    }
    // What the driver says comes first: without a GPU nobody has to look for hundreds of MB of
    // libraries.
    LwjglDriver driver = LwjglDriver.open(ordinal);
    try {
      requireLibraries(Optional.empty());
      Kernels kernels = Kernels.of(NativeLibrary.CUDA_KERNELS);
      Gpu gpu = driver.gpu();
      CudaLibraries libraries =
          new CudaLibraries(kernels, driver, options.attention(), options.deterministic());
      CudaDevice device =
          of(
              driver,
              kernels,
              libraries::operations,
              libraries,
              () -> parts(gpu, libraries, kernels, options));
      try {
        device.tryKernel();
      } catch (RuntimeException | Error failure) {
        device.close();
        throw failure;
      }
      return device;
    } catch (RuntimeException | Error failure) {
      driver.close();
      throw failure;
    }
  }

  /** What is in use, with what is done without and what no GPU has shown yet. */
  private static List<DevicePart> parts(
      Gpu gpu, CudaLibraries libraries, Kernels kernels, GpuOptions options) {
    List<DevicePart> parts = new ArrayList<>();
    parts.add(
        new DevicePart(
            "gpu",
            gpu.name()
                + ", compute capability "
                + gpu.computeCapability()
                + ", "
                + gpu.multiprocessors()
                + " multiprocessors, "
                + (gpu.memoryBytes() >> 20)
                + " MiB"));
    parts.add(
        new DevicePart(
            "driver", "CUDA " + gpu.cuda() + " from " + NativeLibrary.CUDA_DRIVER.location()));
    parts.add(new DevicePart(LIBRARIES, libraries.versions()));
    parts.add(
        new DevicePart(
            ALGORITHMS,
            "attention "
                + options.attention().name().toLowerCase(Locale.ROOT)
                + (options.deterministic() ? ", deterministic" : ", not deterministic")
                + (libraries.cudnn().isTimed() ? ", timed engines" : "")));
    parts.add(new DevicePart("engines", libraries.cudnn().engines()));
    parts.add(new DevicePart("cuDNN", "from " + CudaLibrary.CUDNN.location()));
    parts.add(new DevicePart("cuBLASLt", "from " + CudaLibrary.CUBLASLT.location()));
    parts.add(
        new DevicePart(
            "kernels",
            kernels.hs_version()
                + " ("
                + kernels.hs_instruction_set()
                + ") from "
                + NativeLibrary.CUDA_KERNELS.location()));
    parts.add(new DevicePart("planning", CudnnLibrary.planning()));
    CudaLibrary.CUDNN.leftOut().forEach(part -> parts.add(new DevicePart("without", part)));
    return List.copyOf(parts);
  }

  /**
   * A device over a driver, which it takes over with the libraries.
   *
   * @param parts what is in use by now
   */
  public static CudaDevice of(
      Driver driver,
      Kernels kernels,
      LongFunction<LibraryOperations> operations,
      AutoCloseable libraries,
      Supplier<List<DevicePart>> parts) {
    CudaContext context = new CudaContext(driver, kernels, operations, libraries);
    return new CudaDevice(context, context.createStream(), true, parts);
  }

  /** Fails with everything that is missing, so that it can be put right at once. */
  private static void requireLibraries(Optional<String> noDriver) {
    List<String> missing = new ArrayList<>();
    noDriver.ifPresent(missing::add);
    problem(() -> NativeLibrary.CUDA_KERNELS.load()).ifPresent(missing::add);
    problem(() -> CudaLibrary.CUDNN.load()).ifPresent(missing::add);
    problem(() -> CudaLibrary.CUBLASLT.load()).ifPresent(missing::add);
    if (!missing.isEmpty()) {
      throw new CudaUnavailableException(
          "no CUDA device can be used: " + String.join("; and ", missing), null);
    }
  }

  private static Optional<String> problem(Runnable load) {
    try {
      load.run();
      return Optional.empty();
    } catch (NativeLibraryException missing) {
      return Optional.of(missing.getMessage());
    }
  }

  /** Whether our kernels run here: they may be built for other GPUs, or for a newer driver. */
  private void tryKernel() {
    Gpu gpu = context.driver().gpu();
    try (Slab memory = allocate("a kernel to try", 2 * TRIAL_BYTES);
        Operations operations = operations()) {
      operations
          .convert(memory.address(), DataType.F32, memory.address() + TRIAL_BYTES, DataType.F32, 1)
          .run();
      synchronize();
    } catch (RuntimeException failure) {
      throw new CudaUnavailableException(
          "our kernels do not run on "
              + gpu.name()
              + ": "
              + failure.getMessage()
              + (gpu.cudaVersion() < CUDA_13
                  ? "; the driver knows CUDA up to " + gpu.cuda() + ": install " + DRIVER
                  : ""),
          failure);
    }
  }

  @Override
  public List<DevicePart> parts() {
    return parts.get();
  }

  @Override
  public void attach() {
    context.driver().makeCurrent();
  }

  @Override
  public String name() {
    Gpu gpu = context.driver().gpu();
    return CudaBackend.NAME
        + ":"
        + gpu.ordinal()
        + " ("
        + gpu.name()
        + ", CUDA "
        + gpu.cuda()
        + ")";
  }

  @Override
  public String arithmetic() {
    return name()
        + parts.get().stream()
            .filter(part -> part.name().equals(LIBRARIES) || part.name().equals(ALGORITHMS))
            .map(part -> ", " + part.description())
            .collect(Collectors.joining());
  }

  /** A product by cuBLASLt that fills the GPU many times over, and a copy past its caches. */
  @Override
  public Optional<Ceiling> measureCeiling(DataType precision) {
    attach();
    Gpu gpu = context.driver().gpu();
    int side = TILE;
    while ((long) (side / TILE) * (side / TILE) < (long) TILES_EACH * gpu.multiprocessors()) {
      side *= 2;
    }
    long copied = Math.min(MOST_COPIED, gpu.memoryBytes() / COPIED_SHARE);
    return Optional.of(
        new Ceiling(
            OperationCeiling.gigaflopsPerSecond(this, precision, side),
            OperationCeiling.gigabytesPerSecond(this, copied),
            "a product of matrices of "
                + side
                + " x "
                + side
                + " in "
                + precision.name().toLowerCase(Locale.ROOT),
            "copying " + (copied >> 20) + " MiB"));
  }

  @Override
  public DataType defaultPrecision() {
    return DataType.BF16;
  }

  @Override
  public void requirePrecision(DataType precision) {
    if (precision != DataType.TF32) {
      Device.super.requirePrecision(precision);
    }
  }

  @Override
  public Slab allocate(String purpose, long bytes) {
    return context.allocate(purpose, bytes);
  }

  @Override
  public void upload(MemorySegment source, long destination, long bytes) {
    context.upload(source, destination, bytes);
  }

  @Override
  public void download(long source, MemorySegment destination, long bytes) {
    context.download(source, destination, bytes);
  }

  @Override
  public HostView view(long address, long bytes) {
    return new CudaView(context.driver(), stream, address, bytes);
  }

  @Override
  public Operations operations() {
    attach();
    return new CudaOperations(context, stream);
  }

  @Override
  public Device stream() {
    attach();
    return new CudaDevice(context, context.createStream(), false, parts);
  }

  @Override
  public void synchronize() {
    context.driver().synchronizeStream(stream);
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    attach();
    try {
      context.driver().synchronizeStream(stream);
    } catch (CudaException failed) {
      // An earlier launch went wrong; whoever waited for it was told, and closing goes on.
      if (!ownsContext) {
        return;
      }
    }
    context.destroyStream(stream);
    if (ownsContext) {
      context.close();
    }
  }
}
