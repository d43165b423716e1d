package org.halfstep.device.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import org.halfstep.bindings.Kernels;
import org.halfstep.bindings.NativeLibrary;
import org.halfstep.bindings.SystemMemory;
import org.halfstep.device.Ceiling;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostWindow;
import org.halfstep.device.Operations;
import org.halfstep.device.Slab;
import org.halfstep.device.WeightChoice;

/** The processor: our own kernels and oneDNN, over off-heap memory. */
public final class CpuDevice implements Device {
  private static final long ALIGNMENT = 64;

  /** Bytes from which memory is taken in large pages. */
  private static final long LARGE = 2 * SystemMemory.LARGE_PAGE;

  private final OneDnnEngine engine = new OneDnnEngine();
  private final int threads;
  private final ConvolutionAlgorithm algorithm;

  /** A CPU with one thread per core, or as many as OMP_NUM_THREADS says. */
  public CpuDevice() {
    this(0);
  }

  /**
   * @param threads threads of each operation; 0 for one per core, or as many as OMP_NUM_THREADS
   *     says
   */
  public CpuDevice(int threads) {
    this(threads, ConvolutionAlgorithm.FASTEST);
  }

  /**
   * @param threads threads of each operation; 0 for one per core, or as many as OMP_NUM_THREADS
   *     says
   * @param algorithm how 3x3 convolutions are computed
   */
  public CpuDevice(int threads, ConvolutionAlgorithm algorithm) {
    if (threads < 0) {
      throw new IllegalArgumentException("threads must not be negative, got " + threads);
    }
    this.threads = threads;
    this.algorithm = algorithm;
    attach();
  }

  @Override
  public void attach() {
    // OpenMP keeps the number per calling thread.
    if (threads > 0) {
      Kernels.cpu().hs_set_thread_count(threads);
    }
  }

  @Override
  public String name() {
    attach();
    return "cpu ("
        + Kernels.cpu().hs_instruction_set()
        + ", "
        + Kernels.cpu().hs_thread_count()
        + " threads)";
  }

  /** Bfloat16 where the processor multiplies it in tiles (AMX), else float32. */
  @Override
  public DataType defaultPrecision() {
    return engine.instructions().fastestType();
  }

  /** The native libraries in use, for people: each with its version and where it was found. */
  public static List<String> libraries() {
    return List.of(
        "oneDNN " + OneDnnEngine.version() + " from " + NativeLibrary.ONEDNN.location(),
        "kernels " + Kernels.cpu().hs_version() + " from " + NativeLibrary.KERNELS.location());
  }

  /** Always of float32, whatever the precision. */
  @Override
  public Optional<Ceiling> measureCeiling(DataType precision) {
    attach();
    return Optional.of(CpuCeiling.measure(this));
  }

  @Override
  public Slab allocate(String purpose, long bytes) {
    if (bytes < 0) {
      throw new IllegalArgumentException("cannot allocate " + bytes + " bytes for " + purpose);
    }
    if (bytes >= LARGE) {
      long address = SystemMemory.allocate(bytes);
      if (address == 0) {
        throw refused(purpose, bytes);
      }
      return Slab.owning(purpose, address, bytes, () -> SystemMemory.release(address, bytes));
    }
    Arena arena = Arena.ofShared();
    try {
      MemorySegment memory = arena.allocate(Math.max(bytes, 1), ALIGNMENT);
      return Slab.owning(purpose, memory.address(), bytes, arena::close);
    } catch (OutOfMemoryError e) {
      arena.close();
      throw refused(purpose, bytes);
    }
  }

  private static OutOfMemoryError refused(String purpose, long bytes) {
    return new OutOfMemoryError(
        purpose
            + " needs "
            + (bytes >> 20)
            + " MiB off-heap, which the system refused; use a smaller batch");
  }

  @Override
  public void upload(MemorySegment source, long destination, long bytes) {
    MemorySegment.copy(source, 0, HostMemory.at(destination, bytes), 0, bytes);
  }

  @Override
  public void download(long source, MemorySegment destination, long bytes) {
    MemorySegment.copy(HostMemory.at(source, bytes), 0, destination, 0, bytes);
  }

  @Override
  public HostWindow window(long address, long bytes) {
    MemorySegment memory = HostMemory.at(address, bytes);
    return new HostWindow() {
      @Override
      public MemorySegment memory() {
        return memory;
      }

      @Override
      public void push() {}

      @Override
      public void pull() {}

      @Override
      public void close() {}
    };
  }

  @Override
  public List<WeightChoice> weightChoices(ConvolutionShape shape) {
    return algorithm == ConvolutionAlgorithm.FASTEST ? ConvolutionCosts.of(shape) : List.of();
  }

  @Override
  public Operations operations() {
    return new CpuOperations(engine, algorithm);
  }

  @Override
  public void close() {
    engine.close();
  }
}
