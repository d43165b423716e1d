package org.halfstep.device.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.halfstep.device.cuda.driver.CudaException;
import org.halfstep.device.cuda.driver.Driver;
import org.halfstep.device.cuda.driver.Gpu;

/**
 * A GPU that is not there: memory of the host, kernels that run when they are launched, graphs that
 * keep their work for later. Like the real one it refuses to wait while a stream is recorded, and
 * it knows what was not given back.
 */
public final class HostDriver implements Driver {
  private final Map<Long, Arena> memory = new HashMap<>();
  private final Map<Long, Arena> pinned = new HashMap<>();
  private final Map<Long, Runnable> graphs = new HashMap<>();
  private final Set<Long> streams = new HashSet<>();
  private final Set<Long> events = new HashSet<>();
  private final Map<Long, Double> stamps = new HashMap<>();
  private final Deque<Runnable> pending = new ArrayDeque<>();
  private long handles = 1000;
  private long limit = Long.MAX_VALUE;
  private boolean lazy;
  private boolean capturing;
  private boolean closed;
  public boolean refusesCapture;
  public int captures;
  public int graphLaunches;
  public int waits;

  /** What the device's clock shows, in milliseconds; kernels that take time move it. */
  public double clock;

  /** Lets no allocation be larger from now on. */
  public void limit(long bytes) {
    limit = bytes;
  }

  /** Delays copies to the device until somebody waits for them. */
  public void copyLate() {
    lazy = true;
  }

  /** Everything that was taken and not given back. */
  public int held() {
    return memory.size() + pinned.size() + graphs.size() + streams.size() + events.size();
  }

  public int heldGraphs() {
    return graphs.size();
  }

  public boolean isClosed() {
    return closed;
  }

  private long handle(Set<Long> kind) {
    kind.add(++handles);
    return handles;
  }

  private static void release(Set<Long> kind, long handle) {
    if (!kind.remove(handle)) {
      throw new IllegalStateException("handle " + handle + " is not open");
    }
  }

  private void requireNotCapturing(String function) {
    if (capturing) {
      throw new IllegalStateException(function + " while a stream is recorded");
    }
  }

  private void flush() {
    while (!pending.isEmpty()) {
      pending.poll().run();
    }
  }

  private void wait(String function) {
    requireNotCapturing(function);
    waits++;
    flush();
  }

  @Override
  public Gpu gpu() {
    return new Gpu(0, "Host", 9, 0, 1, 1L << 30, 13_000);
  }

  @Override
  public void makeCurrent() {}

  @Override
  public long createStream() {
    return handle(streams);
  }

  @Override
  public void destroyStream(long stream) {
    release(streams, stream);
  }

  @Override
  public void synchronizeStream(long stream) {
    wait("cuStreamSynchronize");
  }

  private static MemorySegment place(Map<Long, Arena> where, long bytes) {
    Arena arena = Arena.ofShared();
    MemorySegment segment = arena.allocate(bytes, 512);
    where.put(segment.address(), arena);
    return segment;
  }

  private static void release(Map<Long, Arena> where, long address) {
    Arena arena = where.remove(address);
    if (arena == null) {
      throw new IllegalStateException("there is no memory at " + address);
    }
    arena.close();
  }

  @Override
  public long allocate(long bytes, long stream) {
    requireNotCapturing("cuMemAllocAsync");
    return bytes > limit ? 0 : place(memory, bytes).fill((byte) 0x55).address();
  }

  @Override
  public void free(long address, long stream) {
    requireNotCapturing("cuMemFreeAsync");
    release(memory, address);
  }

  @SuppressWarnings("restricted")
  private static MemorySegment at(long address, long bytes) {
    return MemorySegment.ofAddress(address).reinterpret(bytes);
  }

  @Override
  public void zero(long address, long bytes, long stream) {
    at(address, bytes).fill((byte) 0);
  }

  @Override
  public long pooledBytes() {
    return 5L << 20;
  }

  @Override
  public long freeBytes() {
    return 3L << 20;
  }

  @Override
  public MemorySegment allocatePinned(long bytes) {
    requireNotCapturing("cuMemHostAlloc");
    return place(pinned, bytes);
  }

  @Override
  public void freePinned(MemorySegment segment) {
    release(pinned, segment.address());
  }

  @Override
  public void copyToDevice(long device, long host, long bytes, long stream) {
    requireNotCapturing("cuMemcpyHtoDAsync");
    Runnable copy = () -> at(device, bytes).copyFrom(at(host, bytes));
    if (lazy) {
      pending.add(copy);
    } else {
      copy.run();
    }
  }

  @Override
  public void copyToHost(long host, long device, long bytes, long stream) {
    requireNotCapturing("cuMemcpyDtoHAsync");
    flush();
    at(host, bytes).copyFrom(at(device, bytes));
  }

  @Override
  public long createEvent() {
    return handle(events);
  }

  @Override
  public long createTimedEvent() {
    long event = handle(events);
    stamps.put(event, Double.NaN);
    return event;
  }

  @Override
  public void destroyEvent(long event) {
    release(events, event);
    stamps.remove(event);
  }

  @Override
  public void recordEvent(long event, long stream) {
    requireNotCapturing("cuEventRecord");
    stamps.computeIfPresent(event, (timed, before) -> clock);
  }

  @Override
  public float elapsedMilliseconds(long from, long to) {
    return (float) (stamps.get(to) - stamps.get(from));
  }

  @Override
  public void synchronizeEvent(long event) {
    requireNotCapturing("cuEventSynchronize");
    flush();
  }

  @Override
  public long capture(long stream, Runnable work) {
    requireNotCapturing("cuStreamBeginCapture");
    captures++;
    if (refusesCapture) {
      throw new CudaException(
          "cuStreamEndCapture",
          901,
          "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
          "operation failed due to a previous error during capture");
    }
    graphs.put(++handles, work);
    return handles;
  }

  @Override
  public void launchGraph(long graph, long stream) {
    requireNotCapturing("cuGraphLaunch");
    graphLaunches++;
    Runnable work = graphs.get(graph);
    capturing = true; // what a real graph does needs no driver either
    try {
      work.run();
    } finally {
      capturing = false;
    }
  }

  @Override
  public void destroyGraph(long graph) {
    if (graphs.remove(graph) == null) {
      throw new IllegalStateException("there is no graph " + graph);
    }
  }

  @Override
  public void close() {
    closed = true;
  }
}
