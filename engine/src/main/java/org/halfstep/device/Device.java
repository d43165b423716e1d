package org.halfstep.device;

import java.lang.foreign.MemorySegment;

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

  /** A short name for people: "cpu (x86-64-v4, 2 threads)". */
  String name();

  /**
   * Zeroed memory, aligned to 64 bytes.
   *
   * @param purpose what it is for, used in error texts and leak reports
   * @param bytes at least 0
   */
  Slab allocate(String purpose, long bytes);

  /** Copies host memory to device memory and returns when it is done. */
  void upload(MemorySegment source, long destination, long bytes);

  /** Copies device memory to host memory and returns when it is done. */
  void download(long source, MemorySegment destination, long bytes);

  /** A view of device memory for the host, for as long as that memory lives. */
  HostWindow window(long address, long bytes);

  /**
   * A new set of operations, closed by whoever asked for it; closing frees every primitive bound
   * through it.
   */
  Operations operations();

  @Override
  void close();
}
