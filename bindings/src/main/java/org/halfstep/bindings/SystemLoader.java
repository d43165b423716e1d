package org.halfstep.bindings;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The C library's loader, for its own words, which Java's lookups drop, and for libraries that come
 * as a set: the order in which they are opened matters, and {@link System#load} gives no way back.
 */
@SuppressWarnings("restricted") // binding C functions is what this class is for
final class SystemLoader {
  private static final int RTLD_LAZY = 1;

  private static final MethodHandle dlopen =
      handle("dlopen", FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT));
  private static final MethodHandle dlclose =
      handle("dlclose", FunctionDescriptor.of(JAVA_INT, ADDRESS));
  private static final MethodHandle dlerror = handle("dlerror", FunctionDescriptor.of(ADDRESS));

  private SystemLoader() {}

  /**
   * Opens a library, by its path or by a name that the loader searches for.
   *
   * @return the handle for {@link #close}
   * @throws UnsatisfiedLinkError with the loader's message
   */
  static MemorySegment open(String name) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment library =
          (MemorySegment) dlopen.invokeExact(arena.allocateFrom(name), RTLD_LAZY);
      if (library.address() != 0) {
        return library;
      }
      MemorySegment text = (MemorySegment) dlerror.invokeExact();
      throw new UnsatisfiedLinkError(
          text.address() == 0
              ? name + " was not found"
              : text.reinterpret(Long.MAX_VALUE).getString(0));
    } catch (RuntimeException | Error failure) {
      throw failure;
    } catch (Throwable failure) {
      throw new IllegalStateException("dlopen could not be called: " + failure, failure);
    }
  }

  /** Gives one opening back; the library leaves the process with its last one. */
  static void close(MemorySegment library) {
    try {
      // A library that does not close stays: nothing depends on it.
      int ignored = (int) dlclose.invokeExact(library);
    } catch (Throwable failure) {
      throw new IllegalStateException("dlclose could not be called: " + failure, failure);
    }
  }

  /** The file that a library in this process was loaded from, by its file name. */
  static Optional<Path> fileOf(String name) {
    try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
      return maps.map(line -> line.split("\\s+", 6))
          .filter(fields -> fields.length == 6 && fields[5].startsWith("/"))
          .map(fields -> Path.of(fields[5]))
          .filter(path -> path.getFileName().toString().startsWith(name))
          .findFirst();
    } catch (IOException unreadable) {
      return Optional.empty();
    }
  }

  private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor);
  }
}
