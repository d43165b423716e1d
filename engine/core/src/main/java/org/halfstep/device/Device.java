package org.halfstep.device;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Where networks run: its memory and its operations. Thread-safe; everything it hands out is owned
 * by the caller.
 */
public interface Device extends AutoCloseable {

  /**
   * Makes the calling thread ready to create and run operations of this device, with the threads
   * that the device was made for. Cheap, and allocates nothing; whoever runs plans from threads of
   * their own calls it first.
   */
  void attach();

  /** A short name for people, its backend's first: "cpu (x86-64-v4, 2 threads)". */
  String name();

  /** What it consists of and runs on: hardware, driver, libraries. */
  List<DevicePart> parts();

  /**
   * Everything that decides how results are rounded here, for people: the name, with the algorithms
   * and instructions that were chosen. Where two of these are equal, so are the bits of a training.
   */
  default String arithmetic() {
    return name();
  }

  /**
   * Measures what this device can do at most, in less than a second; empty where it is not known
   * how.
   *
   * @param precision of the products that matter
   */
  default Optional<Ceiling> measureCeiling(DataType precision) {
    return Optional.empty();
  }

  /** Bytes that could still be allocated; empty where that is not known. */
  default OptionalLong availableMemory() {
    return OptionalLong.empty();
  }

  /**
   * Gives memory back to the system that closed slabs left and that is kept for the next ones, so
   * that these need not touch fresh memory.
   */
  default void trim() {}

  /** Whether its memory is the host's: an address of either is one of both. */
  default boolean sharesHostMemory() {
    return false;
  }

  /**
   * Zeroed memory, aligned to 64 bytes.
   *
   * @param purpose what it is for, used in error texts and leak reports
   * @param bytes at least 0
   */
  Slab allocate(String purpose, long bytes);

  /**
   * Copies host memory to device memory and returns when it is done. Whatever was launched before,
   * on any stream, is done by then.
   */
  void upload(MemorySegment source, long destination, long bytes);

  /**
   * Copies device memory to host memory and returns when it is done. Whatever was launched before,
   * on any stream, is done by then.
   */
  void download(long source, MemorySegment destination, long bytes);

  /** A view of device memory for the host, for as long as that memory lives. */
  HostView view(long address, long bytes);

  /**
   * A new set of operations, closed by whoever asked for it; closing frees every primitive bound
   * through it.
   */
  Operations operations();

  /**
   * A stream of its own on the same device: what is launched, pushed and pulled through the
   * returned device happens in that order, beside what other streams do. For whoever runs plans
   * from a thread of their own. Closed by the caller, after everything made through it. On a CPU,
   * where calls return when the work is done, it is the device itself.
   */
  default Device stream() {
    return new BorrowedDevice(this);
  }

  /** Waits until everything launched through this device is done. */
  default void synchronize() {}

  /**
   * The ways to compute a convolution of a network whose weights are packed once, the fastest and
   * largest first; empty where there is no choice.
   *
   * @param shape for a batch of one
   * @param stored how the numbers of the weight are stored: F32, F16 or BF16
   * @param mapped whether they may be read where they are stored
   */
  default List<WeightChoice> weightChoices(
      ConvolutionShape shape, DataType stored, boolean mapped) {
    return List.of();
  }

  /** The precision of networks on this device where nothing else is asked for. */
  default DataType defaultPrecision() {
    return DataType.F32;
  }

  /**
   * Fails when networks cannot run in a precision here.
   *
   * @throws IllegalArgumentException if they cannot, in one line that says what can
   */
  default void requirePrecision(DataType precision) {
    switch (precision) {
      case F32, BF16 -> {}
      case TF32 ->
          throw new IllegalArgumentException(
              "precision tf32 needs a CUDA device; on the CPU use f32 or bf16");
      case F16 ->
          throw new IllegalArgumentException(
              "networks do not compute in f16, whose range is too small: use f32 or bf16; weights"
                  + " stored in f16 are read as they are");
      case U8, I8 ->
          throw new IllegalArgumentException(
              "bytes are not a precision of a whole network: quantize a model, and run it in f32 or"
                  + " bf16");
      case I32 ->
          throw new IllegalArgumentException(
              "integers are not a precision of a network: use f32 or bf16");
    }
  }

  @Override
  void close();
}
