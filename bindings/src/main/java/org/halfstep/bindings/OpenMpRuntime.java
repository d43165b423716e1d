package org.halfstep.bindings;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;
import java.net.URL;

/**
 * The OpenMP runtime libgomp.so.1. Both our kernels and oneDNN use it, and a process must have one
 * only: two would each start a pool of threads. The system's is loaded first when there is one, the
 * one in oneDNN's jar otherwise; the loader then resolves the name to the one that is loaded.
 *
 * <p>Its threads wait for each other in a loop of 300,000 turns (milliseconds) by default. When
 * another process wants the same cores, that loop burns the time slices in which the thread waited
 * for should run, and small kernels take a hundred times longer. {@value #SPIN_TURNS} turns are as
 * fast on an idle machine; they are set here unless the environment already says how to wait
 * (GOMP_SPINCOUNT or OMP_WAIT_POLICY).
 */
@SuppressWarnings("restricted") // loading native code is what this class is for
final class OpenMpRuntime {
  private static final String FILE = "libgomp.so.1";
  private static final String RESOURCE = "org/bytedeco/dnnl/linux-x86_64/" + FILE;
  private static final String SPIN_TURNS = "1000";

  private OpenMpRuntime() {}

  /**
   * Has the runtime in the process, where there is one; loading it again changes nothing.
   *
   * @param user the library that needs it, for the message
   * @throws NativeLibraryException if the one on the class path does not load
   */
  static void load(String user) {
    if (System.getenv("GOMP_SPINCOUNT") == null && System.getenv("OMP_WAIT_POLICY") == null) {
      setEnvironment("GOMP_SPINCOUNT", SPIN_TURNS);
    }
    try {
      LibraryFile.ofSystem(FILE);
    } catch (UnsatisfiedLinkError missing) {
      URL resource = OpenMpRuntime.class.getClassLoader().getResource(RESOURCE);
      if (resource != null) {
        load(resource, user);
      }
    }
  }

  private static void load(URL resource, String user) {
    try {
      LibraryFile.ofResource(resource, FILE);
    } catch (IOException | UnsatisfiedLinkError failed) {
      throw new NativeLibraryException(
          "cannot load "
              + FILE
              + ", which "
              + user
              + " needs, from "
              + resource
              + ": "
              + failed.getMessage()
              + "; install it in the system",
          failed);
    }
  }

  /** For libraries that read the C environment when they are loaded; Java's own copy stays. */
  private static void setEnvironment(String name, String value) {
    Linker linker = Linker.nativeLinker();
    try (Arena arena = Arena.ofConfined()) {
      MethodHandle setenv =
          linker.downcallHandle(
              linker.defaultLookup().findOrThrow("setenv"),
              FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_INT));
      int status = (int) setenv.invokeExact(arena.allocateFrom(name), arena.allocateFrom(value), 0);
      if (status != 0) {
        throw new IllegalStateException("setenv " + name + " failed");
      }
    } catch (RuntimeException | Error failure) {
      throw failure;
    } catch (Throwable failure) {
      throw new IllegalStateException("setenv could not be called: " + failure, failure);
    }
  }
}
