package org.halfstep.device.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import org.halfstep.bindings.Kernels;
import org.halfstep.bindings.NativeLibrary;
import org.halfstep.bindings.SystemMemory;
import org.halfstep.device.Ceiling;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.CpuOptions;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.DevicePart;
import org.halfstep.device.HostView;
import org.halfstep.device.Operations;
import org.halfstep.device.Slab;
import org.halfstep.device.WeightChoice;

/** The processor: our own kernels and oneDNN, over off-heap memory. */
public final class CpuDevice implements Device {
  private static final long ALIGNMENT = 64;

  /** Bytes from which memory is taken in large pages. */
  private static final long LARGE = 2 * SystemMemory.LARGE_PAGE;

  /** Bytes from which it is worth checking whether so much is left. */
  private static final long CHECKED = 64L << 20;

  private static final AvailableMemory MEMORY = new AvailableMemory(Path.of("/"));

  private final OneDnnEngine engine = new OneDnnEngine();
  private final KeptPages pages = new KeptPages();
  private final int threads;
  private final ConvolutionAlgorithm algorithm;

  /** A CPU with one thread per processor, or as many as OMP_NUM_THREADS says. */
  public CpuDevice() {
    this(CpuOptions.standard());
  }

  /**
   * @param threads threads of each operation; 0 for one per processor that this process may use, or
   *     as many as OMP_NUM_THREADS says
   */
  public CpuDevice(int threads) {
    this(threads, ConvolutionAlgorithm.FASTEST);
  }

  /**
   * @param threads threads of each operation; 0 for one per processor that this process may use, or
   *     as many as OMP_NUM_THREADS says
   * @param algorithm how convolutions are computed
   */
  public CpuDevice(int threads, ConvolutionAlgorithm algorithm) {
    this(new CpuOptions(threads, algorithm));
  }

  /** A CPU that computes as the options say. */
  public CpuDevice(CpuOptions options) {
    threads = options.threads() == 0 ? CpuThreads.standard() : options.threads();
    algorithm = options.convolutions();
    attach();
  }

  @Override
  public void attach() {
    // OpenMP keeps the number per calling thread.
    Kernels.cpu().hs_set_thread_count(threads);
  }

  @Override
  public String name() {
    return CpuBackend.NAME
        + " ("
        + Kernels.cpu().hs_instruction_set()
        + ", "
        + threads
        + (threads == 1 ? " thread)" : " threads)");
  }

  @Override
  public String arithmetic() {
    return name()
        + ", convolutions "
        + algorithm.name().toLowerCase(Locale.ROOT)
        + ", oneDNN "
        + OneDnnEngine.version()
        + String.format(Locale.ROOT, " with instructions 0x%x", engine.instructions().bits());
  }

  /** Bfloat16 where the processor multiplies it in tiles (AMX), else float32. */
  @Override
  public DataType defaultPrecision() {
    return engine.instructions().fastestType();
  }

  @Override
  public List<DevicePart> parts() {
    return List.of(
        new DevicePart(
            "oneDNN", OneDnnEngine.version() + " from " + NativeLibrary.ONEDNN.location()),
        new DevicePart(
            "kernels", Kernels.cpu().hs_version() + " from " + NativeLibrary.KERNELS.location()));
  }

  /** Always of float32, whatever the precision. */
  @Override
  public Optional<Ceiling> measureCeiling(DataType precision) {
    attach();
    return Optional.of(CpuCeiling.measure(this));
  }

  @Override
  public OptionalLong availableMemory() {
    OptionalLong left = MEMORY.forTensors();
    return left.isPresent() ? OptionalLong.of(left.getAsLong() + pages.bytes()) : left;
  }

  @Override
  public void trim() {
    pages.clear();
  }

  @Override
  public Slab allocate(String purpose, long bytes) {
    if (bytes < 0) {
      throw new IllegalArgumentException("cannot allocate " + bytes + " bytes for " + purpose);
    }
    if (bytes >= CHECKED) {
      OptionalLong left = availableMemory();
      if (left.isPresent() && bytes > left.getAsLong()) {
        throw new OutOfMemoryError(
            purpose
                + " needs "
                + (bytes >> 20)
                + " MiB, and this machine or container has "
                + (left.getAsLong() >> 20)
                + " MiB left; use a smaller batch");
      }
    }
    if (bytes >= LARGE) {
      long address = pages.take(bytes);
      if (address == 0) {
        throw refused(purpose, bytes);
      }
      return Slab.owning(purpose, address, bytes, () -> pages.give(address, bytes));
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
  public HostView view(long address, long bytes) {
    return new CpuView(HostMemory.at(address, bytes));
  }

  @Override
  public List<WeightChoice> weightChoices(ConvolutionShape shape, DataType stored, boolean mapped) {
    return algorithm == ConvolutionAlgorithm.FASTEST
        ? ConvolutionCosts.of(shape, stored, mapped)
        : List.of();
  }

  @Override
  public boolean sharesHostMemory() {
    return true;
  }

  @Override
  public Operations operations() {
    return new CpuOperations(engine, algorithm);
  }

  @Override
  public void close() {
    engine.close();
    pages.close();
  }
}
