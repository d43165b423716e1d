package org.halfstep.bindings;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.HashMap;
import java.util.Map;

/**
 * The kernels of {@code native/include/halfstep.h}: one instance per library that has them, since
 * the CPU's and the GPU's are needed at once. All have one shape, {@code int f(stream, const struct
 * *)}: so one handle calls them, which takes the function's address as its first argument and is a
 * constant to the compiler, whichever kernel and library a call goes to.
 *
 * <p>Functions that return a status in C return nothing here and throw {@link KernelException} when
 * it is not {@link #HS_OK}. Nothing is allocated by a call: pass arguments and data that live as
 * long as the launch. A stream is {@link MemorySegment#NULL} on the CPU. {@link
 * NativeLibrary#KERNELS} should be loaded before {@link #cpu} is called: an error there would come
 * wrapped.
 */
@SuppressWarnings("restricted") // binding C functions is what this class is for
public final class Kernels {
  private static final ValueLayout.OfInt C_INT = ValueLayout.JAVA_INT;
  private static final ValueLayout.OfLong C_LONG = ValueLayout.JAVA_LONG;
  private static final AddressLayout C_POINTER = ValueLayout.ADDRESS;

  public static final int HS_OK = 0;
  public static final int HS_INVALID_ARGUMENT = 1;
  public static final int HS_UNSUPPORTED = 2;
  public static final int HS_DEVICE_ERROR = 3;
  public static final int HS_F32 = 0;
  public static final int HS_BF16 = 1;
  public static final int HS_U8 = 2;
  public static final int HS_F16 = 3;
  public static final int HS_SILU = 1;
  public static final int HS_RELU = 2;
  public static final int HS_GELU = 3;
  public static final int HS_GELU_TANH = 4;
  public static final int HS_QUICK_GELU = 5;

  private static final MethodHandle hs_version = shape(FunctionDescriptor.of(C_POINTER));
  private static final MethodHandle hs_interface = shape(FunctionDescriptor.of(C_LONG));
  private static final MethodHandle hs_instruction_set = shape(FunctionDescriptor.of(C_POINTER));
  private static final MethodHandle hs_status_string =
      shape(FunctionDescriptor.of(C_POINTER, C_INT));
  private static final MethodHandle hs_thread_count = shape(FunctionDescriptor.of(C_INT));
  private static final MethodHandle hs_set_thread_count =
      shape(FunctionDescriptor.of(C_INT, C_INT));

  /** Of every kernel. */
  static final MethodHandle LAUNCH = shape(FunctionDescriptor.of(C_INT, C_POINTER, C_POINTER));

  /** Of what says how large a workspace is. */
  static final MethodHandle WORKSPACE = shape(FunctionDescriptor.of(C_LONG, C_POINTER, C_INT));

  private final MemorySegment hs_version$ADDRESS;
  private final MemorySegment hs_instruction_set$ADDRESS;
  private final MemorySegment hs_status_string$ADDRESS;
  private final MemorySegment hs_thread_count$ADDRESS;
  private final MemorySegment hs_set_thread_count$ADDRESS;
  private final MemorySegment[] functions = new MemorySegment[Kernel.values().length];
  private final Map<Struct, MemorySegment> workspaces = new HashMap<>();

  private Kernels(NativeLibrary library) {
    requireSameInterface(library);
    hs_version$ADDRESS = library.address("hs_version");
    hs_instruction_set$ADDRESS = library.address("hs_instruction_set");
    hs_status_string$ADDRESS = library.address("hs_status_string");
    hs_thread_count$ADDRESS = library.address("hs_thread_count");
    hs_set_thread_count$ADDRESS = library.address("hs_set_thread_count");
    for (Kernel kernel : Kernel.values()) {
      functions[kernel.ordinal()] = library.address(kernel.function());
    }
    for (Struct struct : Kernel.WITH_WORKSPACE) {
      workspaces.put(struct, library.address(struct.name() + "_workspace"));
    }
  }

  /** A library of another build would take a struct for another. */
  private static void requireSameInterface(NativeLibrary library) {
    MemorySegment address = library.address("hs_interface");
    long theirs;
    try {
      theirs = (long) hs_interface.invokeExact(address);
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
    if (theirs != Kernel.INTERFACE) {
      throw new NativeLibraryException(
          library.location()
              + " was built from another list of kernels than these bindings; "
              + library.remedy());
    }
  }

  /** Loaded when the CPU's kernels are first asked for. */
  private static final class Cpu {
    static final Kernels KERNELS = new Kernels(NativeLibrary.KERNELS);
  }

  /** The kernels of the CPU. */
  public static Kernels cpu() {
    return Cpu.KERNELS;
  }

  /**
   * The kernels of one library; each call binds them anew.
   *
   * @throws NativeLibraryException if it does not load or lacks a function
   */
  public static Kernels of(NativeLibrary library) {
    return new Kernels(library);
  }

  /**
   * A kernel bound to its arguments. They are read whenever it runs, and must live as long.
   *
   * @param stream what orders the work on a GPU; {@link MemorySegment#NULL} on the CPU
   * @param arguments a struct of {@link Kernel#struct}
   */
  public KernelLaunch launch(Kernel kernel, MemorySegment stream, MemorySegment arguments) {
    return new KernelLaunch(this, kernel, stream, arguments);
  }

  /**
   * Runs a kernel once.
   *
   * @throws KernelException if it refuses or fails
   */
  public void run(Kernel kernel, MemorySegment stream, MemorySegment arguments) {
    launch(kernel, stream, arguments).run();
  }

  /**
   * Bytes of the workspace of the kernels that take a struct, by the sizes in it; 0 also where the
   * library lacks these kernels.
   *
   * @param gradient whether of a backward pass
   * @throws IllegalArgumentException if kernels of this struct take no workspace
   */
  public long workspaceBytes(Struct struct, MemorySegment arguments, boolean gradient) {
    MemorySegment function = workspaces.get(struct);
    if (function == null) {
      throw new IllegalArgumentException("kernels of " + struct + " take no workspace");
    }
    try {
      return (long) WORKSPACE.invokeExact(function, arguments, gradient ? 1 : 0);
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** The version of the kernels, as in "0.2.0". */
  public String hs_version() {
    try {
      return text((MemorySegment) hs_version.invokeExact(hs_version$ADDRESS));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /**
   * What the kernels run on here: "x86-64-v4 with bfloat16", "x86-64-v4", "x86-64-v3" or
   * "x86-64-v2".
   */
  public String hs_instruction_set() {
    try {
      return text((MemorySegment) hs_instruction_set.invokeExact(hs_instruction_set$ADDRESS));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** The name of a status, for people. */
  public String hs_status_string(int status) {
    try {
      return text((MemorySegment) hs_status_string.invokeExact(hs_status_string$ADDRESS, status));
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** Threads of a parallel region that the calling thread starts. */
  public int hs_thread_count() {
    try {
      return (int) hs_thread_count.invokeExact(hs_thread_count$ADDRESS);
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  /** Sets the threads of parallel regions that the calling thread starts, at least 1. */
  public void hs_set_thread_count(int threads) {
    int status;
    try {
      status = (int) hs_set_thread_count.invokeExact(hs_set_thread_count$ADDRESS, threads);
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
    check("hs_set_thread_count", status);
  }

  MemorySegment function(Kernel kernel) {
    return functions[kernel.ordinal()];
  }

  /** The status of a kernel. */
  static int call(MemorySegment function, MemorySegment stream, MemorySegment arguments) {
    try {
      return (int) LAUNCH.invokeExact(function, stream, arguments);
    } catch (Throwable failure) {
      throw unchecked(failure);
    }
  }

  void check(Kernel kernel, int status) {
    if (status != HS_OK) {
      check(kernel.function(), status);
    }
  }

  private void check(String function, int status) {
    if (status != HS_OK) {
      throw new KernelException(function, status, hs_status_string(status));
    }
  }

  private static MethodHandle shape(FunctionDescriptor descriptor) {
    return Linker.nativeLinker().downcallHandle(descriptor);
  }

  private static String text(MemorySegment address) {
    return address.reinterpret(Long.MAX_VALUE).getString(0);
  }

  /**
   * A call itself throws only what is wrong in this class, such as a descriptor that does not fit.
   */
  private static RuntimeException unchecked(Throwable failure) {
    if (failure instanceof Error error) {
      throw error;
    }
    return failure instanceof RuntimeException runtime
        ? runtime
        : new IllegalStateException(failure);
  }
}
