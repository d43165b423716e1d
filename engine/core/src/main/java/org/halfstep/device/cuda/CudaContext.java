package org.halfstep.device.cuda;

import java.lang.foreign.MemorySegment;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.function.LongFunction;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.Slab;
import org.halfstep.device.cuda.driver.Driver;
import org.halfstep.device.cuda.library.LibraryOperations;

/**
 * What all streams of one GPU share: the driver, the kernels, the libraries, and the memory.
 * Thread-safe. Memory is taken and given back in the order of a stream of its own; both wait, since
 * they are rare and the memory is used on other streams.
 *
 * <p>Waiting is for the streams made here, one by one, and never for the whole context: cuDNN
 * records graphs of its own while it plans, on threads and streams that nobody else knows, and the
 * driver refuses to wait for a context in which anything is being recorded.
 */
final class CudaContext implements AutoCloseable {
  /** Uploads and downloads go through page-locked memory of this size. */
  private static final long STAGING_BYTES = 4L << 20;

  private final Driver driver;
  private final Kernels kernels;
  private final LongFunction<LibraryOperations> operations;
  private final AutoCloseable libraries;
  private final long memoryStream;
  private final MemorySegment staging;
  private final Set<Long> streams = new LinkedHashSet<>();
  private boolean closed;

  /**
   * Takes over the driver and the libraries.
   *
   * @param operations what the libraries compute on a stream
   * @param libraries what {@code operations} need
   */
  CudaContext(
      Driver driver,
      Kernels kernels,
      LongFunction<LibraryOperations> operations,
      AutoCloseable libraries) {
    this.driver = driver;
    this.kernels = kernels;
    this.operations = operations;
    this.libraries = libraries;
    this.memoryStream = driver.createStream();
    this.staging = driver.allocatePinned(STAGING_BYTES);
  }

  Driver driver() {
    return driver;
  }

  Kernels kernels() {
    return kernels;
  }

  LibraryOperations libraryOperations(long stream) {
    return operations.apply(stream);
  }

  /** A stream whose work is waited for before memory is given back. */
  synchronized long createStream() {
    requireOpen();
    long stream = driver.createStream();
    streams.add(stream);
    return stream;
  }

  synchronized void destroyStream(long stream) {
    streams.remove(stream);
    driver.destroyStream(stream);
  }

  private void synchronizeStreams() {
    for (long stream : streams) {
      driver.synchronizeStream(stream);
    }
    driver.synchronizeStream(memoryStream);
  }

  synchronized Slab allocate(String purpose, long bytes) {
    if (bytes < 0) {
      throw new IllegalArgumentException("cannot allocate " + bytes + " bytes for " + purpose);
    }
    requireOpen();
    driver.makeCurrent();
    long taken = Math.max(bytes, 1);
    long address = driver.allocate(taken, memoryStream);
    if (address == 0) {
      // What was given back may not have reached the pool yet.
      synchronizeStreams();
      address = driver.allocate(taken, memoryStream);
    }
    if (address == 0) {
      throw new OutOfMemoryError(
          purpose
              + " needs "
              + (bytes >> 20)
              + " MiB on "
              + driver.gpu().name()
              + ", where "
              + (driver.freeBytes() >> 20)
              + " MiB are free; this process holds "
              + (driver.pooledBytes() >> 20)
              + " MiB; use a smaller batch");
    }
    driver.zero(address, taken, memoryStream);
    driver.synchronizeStream(memoryStream);
    long owned = address;
    return Slab.owning(purpose, address, bytes, () -> release(owned));
  }

  private synchronized void release(long address) {
    if (!closed) {
      driver.makeCurrent();
      synchronizeStreams();
      driver.free(address, memoryStream);
    }
  }

  synchronized void upload(MemorySegment source, long destination, long bytes) {
    requireOpen();
    driver.makeCurrent();
    synchronizeStreams();
    for (long done = 0; done < bytes; done += STAGING_BYTES) {
      long size = Math.min(STAGING_BYTES, bytes - done);
      MemorySegment.copy(source, done, staging, 0, size);
      driver.copyToDevice(destination + done, staging.address(), size, memoryStream);
      driver.synchronizeStream(memoryStream);
    }
  }

  synchronized void download(long source, MemorySegment destination, long bytes) {
    requireOpen();
    driver.makeCurrent();
    synchronizeStreams();
    for (long done = 0; done < bytes; done += STAGING_BYTES) {
      long size = Math.min(STAGING_BYTES, bytes - done);
      driver.copyToHost(staging.address(), source + done, size, memoryStream);
      driver.synchronizeStream(memoryStream);
      MemorySegment.copy(staging, 0, destination, done, size);
    }
  }

  /** Records a graph. A stream cannot be waited for while it is recorded, so both take one lock. */
  synchronized long capture(long stream, Runnable work) {
    return driver.capture(stream, work);
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the CUDA device is closed");
    }
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    driver.makeCurrent();
    synchronizeStreams();
    closed = true;
    try (driver) {
      libraries.close();
      driver.freePinned(staging);
      driver.destroyStream(memoryStream);
    } catch (RuntimeException failure) {
      throw failure;
    } catch (Exception failure) {
      throw new IllegalStateException("closing CUDA's libraries failed: " + failure, failure);
    }
  }
}
