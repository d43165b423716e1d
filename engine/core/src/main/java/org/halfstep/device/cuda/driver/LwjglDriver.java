package org.halfstep.device.cuda.driver;

import static org.lwjgl.cuda.CU.CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE;
import static org.lwjgl.cuda.CU.CUDA_ERROR_NO_DEVICE;
import static org.lwjgl.cuda.CU.CUDA_ERROR_OUT_OF_MEMORY;
import static org.lwjgl.cuda.CU.CUDA_ERROR_STUB_LIBRARY;
import static org.lwjgl.cuda.CU.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH;
import static org.lwjgl.cuda.CU.CUDA_ERROR_UNKNOWN;
import static org.lwjgl.cuda.CU.CUDA_SUCCESS;
import static org.lwjgl.cuda.CU.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR;
import static org.lwjgl.cuda.CU.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR;
import static org.lwjgl.cuda.CU.CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED;
import static org.lwjgl.cuda.CU.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
import static org.lwjgl.cuda.CU.CU_EVENT_DEFAULT;
import static org.lwjgl.cuda.CU.CU_EVENT_DISABLE_TIMING;
import static org.lwjgl.cuda.CU.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
import static org.lwjgl.cuda.CU.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
import static org.lwjgl.cuda.CU.CU_STREAM_NON_BLOCKING;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import org.halfstep.bindings.NativeLibrary;
import org.halfstep.files.Printable;
import org.lwjgl.PointerBuffer;
import org.lwjgl.cuda.CU;
import org.lwjgl.system.Configuration;
import org.lwjgl.system.MemoryStack;
import org.lwjgl.system.MemoryUtil;

/**
 * The CUDA driver through LWJGL, the only class that uses it. libcuda.so.1 is opened by our own
 * loader first, whose message says why it cannot be, so that LWJGL is touched only where it will
 * find the library.
 */
public final class LwjglDriver implements Driver {
  private static final String LIBRARY = "libcuda.so.1";

  /** Ampere. */
  private static final int MIN_MAJOR = 8;

  private static final int NAME_BYTES = 256;

  private static final String VISIBLE = "CUDA_VISIBLE_DEVICES";

  private final Gpu gpu;
  private final int device;
  private final long context;
  private boolean closed;

  private LwjglDriver(Gpu gpu, int device, long context) {
    this.gpu = gpu;
    this.device = device;
    this.context = context;
  }

  /**
   * Opens one GPU and makes its primary context current in the calling thread.
   *
   * @param ordinal its number, from 0
   * @throws CudaUnavailableException if there is no driver, no such GPU, or one that is too old
   */
  public static LwjglDriver open(int ordinal) {
    initialize();
    try (MemoryStack stack = MemoryStack.stackPush()) {
      IntBuffer number = stack.mallocInt(1);
      check("cuDeviceGetCount", CU.cuDeviceGetCount(number));
      int count = number.get(0);
      if (count == 0) {
        throw noGpu(System.getenv(VISIBLE), null);
      }
      if (ordinal >= count) {
        throw new CudaUnavailableException(
            "there is no GPU "
                + ordinal
                + ": the driver knows "
                + count
                + (count == 1 ? ", number 0" : ", numbers 0 to " + (count - 1)),
            null);
      }
      check("cuDeviceGet", CU.cuDeviceGet(number, ordinal));
      int device = number.get(0);
      Gpu gpu = describe(stack, ordinal, device);
      if (gpu.major() < MIN_MAJOR) {
        throw new CudaUnavailableException(
            gpu.name()
                + " has compute capability "
                + gpu.computeCapability()
                + "; 8.0 (Ampere) or newer is needed",
            null);
      }
      if (attribute(stack, CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED, device) == 0) {
        throw new CudaUnavailableException(
            gpu.name() + " has no memory pools here, which stream-ordered allocation needs", null);
      }
      PointerBuffer pointer = stack.mallocPointer(1);
      check("cuDevicePrimaryCtxRetain", CU.cuDevicePrimaryCtxRetain(pointer, device));
      LwjglDriver driver = new LwjglDriver(gpu, device, pointer.get(0));
      try {
        driver.makeCurrent();
        driver.keepPool(stack);
      } catch (RuntimeException | Error failure) {
        driver.close();
        throw failure;
      }
      return driver;
    }
  }

  /** Loads and initialises the driver. */
  private static void initialize() {
    // Says in the loader's own words what is wrong, before LWJGL prints its own advice.
    NativeLibrary.CUDA_DRIVER.load();
    try {
      String location = NativeLibrary.CUDA_DRIVER.location();
      Configuration.CUDA_LIBRARY_NAME.set(location.startsWith("/") ? location : LIBRARY);
      check("cuInit", CU.cuInit(0));
    } catch (LinkageError unusable) {
      Throwable reason = unusable.getCause() == null ? unusable : unusable.getCause();
      throw new CudaUnavailableException(
          LIBRARY + " does not have what LWJGL's bindings need: " + reason.getMessage(), unusable);
    } catch (CudaException refused) {
      throw unusable(refused, NativeLibrary.CUDA_DRIVER.location());
    }
  }

  /** Why the driver does not start, with the way out where it is a known one. */
  private static CudaUnavailableException unusable(CudaException refused, String location) {
    String remedy =
        switch (refused.status()) {
          case CUDA_ERROR_STUB_LIBRARY ->
              location
                  + " is the stub that programs are linked with: remove its folder (…/stubs) from"
                  + " LD_LIBRARY_PATH";
          case CUDA_ERROR_SYSTEM_DRIVER_MISMATCH ->
              "the driver was updated while its kernel module runs: restart the machine";
          case CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE ->
              location
                  + " is for forward compatibility, which this GPU has not: remove cuda-compat from"
                  + " LD_LIBRARY_PATH";
          case CUDA_ERROR_UNKNOWN ->
              "see whether nvidia-smi works and the module nvidia_uvm is loaded, or restart the"
                  + " machine";
          default -> "";
        };
    return refused.status() == CUDA_ERROR_NO_DEVICE
        ? noGpu(System.getenv(VISIBLE), refused)
        : new CudaUnavailableException(
            refused.getMessage() + (remedy.isEmpty() ? "" : "; " + remedy), refused);
  }

  private static CudaUnavailableException noGpu(String visible, CudaException refused) {
    return new CudaUnavailableException(
        "the driver finds no GPU"
            + (visible == null
                ? ""
                : ": CUDA_VISIBLE_DEVICES is \"" + Printable.line(visible) + "\"; unset it"),
        refused);
  }

  private static Gpu describe(MemoryStack stack, int ordinal, int device) {
    ByteBuffer name = stack.malloc(NAME_BYTES);
    check("cuDeviceGetName", CU.cuDeviceGetName(name, device));
    PointerBuffer bytes = stack.mallocPointer(1);
    check("cuDeviceTotalMem", CU.cuDeviceTotalMem(bytes, device));
    IntBuffer version = stack.mallocInt(1);
    check("cuDriverGetVersion", CU.cuDriverGetVersion(version));
    return new Gpu(
        ordinal,
        MemoryUtil.memUTF8(MemoryUtil.memAddress(name)),
        attribute(stack, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device),
        attribute(stack, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device),
        attribute(stack, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device),
        bytes.get(0),
        version.get(0));
  }

  private static int attribute(MemoryStack stack, int attribute, int device) {
    IntBuffer value = stack.mallocInt(1);
    check("cuDeviceGetAttribute", CU.cuDeviceGetAttribute(value, attribute, device));
    return value.get(0);
  }

  /** Lets the pool keep what is freed, so that closing and opening plans costs no system calls. */
  private void keepPool(MemoryStack stack) {
    PointerBuffer pool = stack.mallocPointer(1);
    check("cuDeviceGetDefaultMemPool", CU.cuDeviceGetDefaultMemPool(pool, device));
    check(
        "cuMemPoolSetAttribute",
        CU.cuMemPoolSetAttribute(
            pool.get(0), CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, stack.longs(-1))); // no threshold
  }

  @Override
  public Gpu gpu() {
    return gpu;
  }

  @Override
  public void makeCurrent() {
    check("cuCtxSetCurrent", CU.cuCtxSetCurrent(context));
  }

  // ---- Streams
  // ------------------------------------------------------------------------------

  @Override
  public long createStream() {
    try (MemoryStack stack = MemoryStack.stackPush()) {
      PointerBuffer stream = stack.mallocPointer(1);
      check("cuStreamCreate", CU.cuStreamCreate(stream, CU_STREAM_NON_BLOCKING));
      return stream.get(0);
    }
  }

  @Override
  public void destroyStream(long stream) {
    check("cuStreamDestroy", CU.cuStreamDestroy(stream));
  }

  @Override
  public void synchronizeStream(long stream) {
    check("cuStreamSynchronize", CU.cuStreamSynchronize(stream));
  }

  // ---- Memory
  // -------------------------------------------------------------------------------

  @Override
  public long allocate(long bytes, long stream) {
    try (MemoryStack stack = MemoryStack.stackPush()) {
      PointerBuffer address = stack.mallocPointer(1);
      int status = CU.cuMemAllocAsync(address, bytes, stream);
      if (status == CUDA_ERROR_OUT_OF_MEMORY) {
        return 0;
      }
      check("cuMemAllocAsync", status);
      return address.get(0);
    }
  }

  @Override
  public void free(long address, long stream) {
    check("cuMemFreeAsync", CU.cuMemFreeAsync(address, stream));
  }

  @Override
  public void zero(long address, long bytes, long stream) {
    check("cuMemsetD8Async", CU.cuMemsetD8Async(address, (byte) 0, bytes, stream));
  }

  @Override
  public long freeBytes() {
    try (MemoryStack stack = MemoryStack.stackPush()) {
      PointerBuffer free = stack.mallocPointer(1);
      PointerBuffer total = stack.mallocPointer(1);
      check("cuMemGetInfo", CU.cuMemGetInfo(free, total));
      return free.get(0);
    }
  }

  @Override
  public long pooledBytes() {
    try (MemoryStack stack = MemoryStack.stackPush()) {
      PointerBuffer pool = stack.mallocPointer(1);
      check("cuDeviceGetDefaultMemPool", CU.cuDeviceGetDefaultMemPool(pool, device));
      LongBuffer reserved = stack.mallocLong(1);
      check(
          "cuMemPoolGetAttribute",
          CU.cuMemPoolGetAttribute(
              pool.get(0),
              CU.CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT,
              MemoryUtil.memByteBuffer(reserved)));
      return reserved.get(0);
    }
  }

  @Override
  @SuppressWarnings("restricted") // the driver vouches for the memory that it gave
  public MemorySegment allocatePinned(long bytes) {
    try (MemoryStack stack = MemoryStack.stackPush()) {
      PointerBuffer address = stack.mallocPointer(1);
      check("cuMemHostAlloc", CU.cuMemHostAlloc(address, bytes, 0));
      return MemorySegment.ofAddress(address.get(0)).reinterpret(bytes);
    }
  }

  @Override
  public void freePinned(MemorySegment memory) {
    check("cuMemFreeHost", CU.ncuMemFreeHost(memory.address()));
  }

  @Override
  public void copyToDevice(long target, long host, long bytes, long stream) {
    check("cuMemcpyHtoDAsync", CU.ncuMemcpyHtoDAsync(target, host, bytes, stream));
  }

  @Override
  public void copyToHost(long host, long source, long bytes, long stream) {
    check("cuMemcpyDtoHAsync", CU.ncuMemcpyDtoHAsync(host, source, bytes, stream));
  }

  // ---- Events
  // -------------------------------------------------------------------------------

  @Override
  public long createEvent() {
    return createEvent(CU_EVENT_DISABLE_TIMING);
  }

  @Override
  public long createTimedEvent() {
    return createEvent(CU_EVENT_DEFAULT);
  }

  private static long createEvent(int flags) {
    try (MemoryStack stack = MemoryStack.stackPush()) {
      PointerBuffer event = stack.mallocPointer(1);
      check("cuEventCreate", CU.cuEventCreate(event, flags));
      return event.get(0);
    }
  }

  @Override
  public void destroyEvent(long event) {
    check("cuEventDestroy", CU.cuEventDestroy(event));
  }

  @Override
  public void recordEvent(long event, long stream) {
    check("cuEventRecord", CU.cuEventRecord(event, stream));
  }

  @Override
  public void synchronizeEvent(long event) {
    check("cuEventSynchronize", CU.cuEventSynchronize(event));
  }

  @Override
  public float elapsedMilliseconds(long from, long to) {
    try (MemoryStack stack = MemoryStack.stackPush()) {
      FloatBuffer milliseconds = stack.mallocFloat(1);
      check("cuEventElapsedTime", CU.cuEventElapsedTime(milliseconds, from, to));
      return milliseconds.get(0);
    }
  }

  // ---- Graphs
  // -------------------------------------------------------------------------------

  @Override
  public long capture(long stream, Runnable work) {
    try (MemoryStack stack = MemoryStack.stackPush()) {
      PointerBuffer graph = stack.mallocPointer(1);
      check(
          "cuStreamBeginCapture",
          CU.cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
      try {
        work.run();
      } catch (RuntimeException | Error failure) {
        // Ends the recording, so that the stream can be used again; its result is of no interest.
        if (CU.cuStreamEndCapture(stream, graph) == CUDA_SUCCESS && graph.get(0) != 0) {
          CU.cuGraphDestroy(graph.get(0));
        }
        throw failure;
      }
      check("cuStreamEndCapture", CU.cuStreamEndCapture(stream, graph));
      PointerBuffer executable = stack.mallocPointer(1);
      int status = CU.cuGraphInstantiateWithFlags(executable, graph.get(0), 0);
      check("cuGraphDestroy", CU.cuGraphDestroy(graph.get(0)));
      check("cuGraphInstantiateWithFlags", status);
      return executable.get(0);
    }
  }

  @Override
  public void launchGraph(long graph, long stream) {
    check("cuGraphLaunch", CU.cuGraphLaunch(graph, stream));
  }

  @Override
  public void destroyGraph(long graph) {
    check("cuGraphExecDestroy", CU.cuGraphExecDestroy(graph));
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      check("cuDevicePrimaryCtxRelease", CU.cuDevicePrimaryCtxRelease(device));
    }
  }

  private static void check(String function, int status) {
    if (status != CUDA_SUCCESS) {
      throw failure(function, status);
    }
  }

  private static CudaException failure(String function, int status) {
    try (MemoryStack stack = MemoryStack.stackPush()) {
      PointerBuffer text = stack.mallocPointer(1);
      String name =
          CU.cuGetErrorName(status, text) == CUDA_SUCCESS ? text.getStringUTF8(0) : "unknown";
      String message =
          CU.cuGetErrorString(status, text) == CUDA_SUCCESS
              ? text.getStringUTF8(0)
              : "the driver has no text for it";
      return new CudaException(function, status, name, message);
    }
  }
}
