package org.halfstep.device.cuda.driver;

import java.lang.foreign.MemorySegment;

/**
 * What the engine asks of the CUDA driver, for one GPU whose primary context is retained. Handles
 * and device addresses are plain longs. Every failure is a {@link CudaException}. But for {@link
 * #makeCurrent}, the context must be current in the calling thread.
 *
 * <p>An interface so that everything above it is tested where there is no GPU.
 */
public interface Driver extends AutoCloseable {

  /** The GPU. */
  Gpu gpu();

  /** Makes the primary context current in the calling thread. */
  void makeCurrent();

  /** A stream that does not wait for the default stream. */
  long createStream();

  void destroyStream(long stream);

  void synchronizeStream(long stream);

  /**
   * Memory of the device's pool, in the order of a stream.
   *
   * @return its address; 0 when there is not enough
   */
  long allocate(long bytes, long stream);

  void free(long address, long stream);

  void zero(long address, long bytes, long stream);

  /** Bytes of device memory that no process uses. */
  long freeBytes();

  /** Bytes that the device's pool holds for this process, in use or kept for the next request. */
  long pooledBytes();

  /** Page-locked host memory, which the device copies from and to without the host's help. */
  MemorySegment allocatePinned(long bytes);

  void freePinned(MemorySegment memory);

  /**
   * Starts a copy.
   *
   * @param host address of page-locked memory
   */
  void copyToDevice(long device, long host, long bytes, long stream);

  /**
   * Starts a copy.
   *
   * @param host address of page-locked memory
   */
  void copyToHost(long host, long device, long bytes, long stream);

  /** An event that takes no time stamps. */
  long createEvent();

  /** An event that takes time stamps, for {@link #elapsedMilliseconds}. */
  long createTimedEvent();

  void destroyEvent(long event);

  void recordEvent(long event, long stream);

  void synchronizeEvent(long event);

  /**
   * Milliseconds on the device between two timed events whose work is over.
   *
   * @param from recorded before {@code to}
   */
  float elapsedMilliseconds(long from, long to);

  /**
   * Records what some work launches on a stream, without running it, as a graph that can be
   * launched. Only the calling thread's launches on this stream are recorded.
   */
  long capture(long stream, Runnable work);

  void launchGraph(long graph, long stream);

  void destroyGraph(long graph);

  /** Gives the primary context back. */
  @Override
  void close();
}
