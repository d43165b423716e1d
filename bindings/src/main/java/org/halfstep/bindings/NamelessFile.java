package org.halfstep.bindings;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/**
 * A file that is in no folder, so that nothing is left of it however the process ends. It lives as
 * long as the process: its descriptor stays open, since its path is the descriptor's number, and
 * the system's loader takes two libraries of one path for one.
 */
@SuppressWarnings("restricted") // binding C functions is what this class is for
final class NamelessFile {
  private static final int O_RDWR = 0x2;
  private static final int O_CLOEXEC = 0x80000;

  /** O_TMPFILE of Linux on x86-64, with the O_DIRECTORY that it is made of. */
  private static final int O_TMPFILE = 0x410000;

  private static final int MFD_CLOEXEC = 0x1;
  private static final int OWNER_ONLY = 0700;

  private NamelessFile() {}

  /** A copy on the disk of a folder, which the system can drop from memory and read again. */
  static Path onDisk(Path folder, InputStream content) throws IOException {
    int descriptor;
    try (Arena arena = Arena.ofConfined()) {
      MethodHandle open =
          handle(
              "open",
              FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT),
              Linker.Option.firstVariadicArg(2));
      descriptor =
          (int)
              open.invokeExact(
                  arena.allocateFrom(folder.toString()),
                  O_TMPFILE | O_RDWR | O_CLOEXEC,
                  OWNER_ONLY);
    } catch (Throwable failure) {
      throw new IOException("open could not be called: " + failure, failure);
    }
    if (descriptor < 0) {
      throw new IOException(folder + ": no file without a name could be made there");
    }
    return filled(descriptor, content);
  }

  /**
   * A copy in memory, wherever folders are full, read-only or closed to programs.
   *
   * @param name that the process' list of memory shows
   */
  static Path inMemory(String name, InputStream content) throws IOException {
    int descriptor;
    try (Arena arena = Arena.ofConfined()) {
      MethodHandle create =
          handle("memfd_create", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
      descriptor = (int) create.invokeExact(arena.allocateFrom(name), MFD_CLOEXEC);
    } catch (Throwable failure) {
      throw new IOException("memfd_create could not be called: " + failure, failure);
    }
    if (descriptor < 0) {
      throw new IOException("the system makes no files in memory");
    }
    return filled(descriptor, content);
  }

  private static Path filled(int descriptor, InputStream content) throws IOException {
    Path path = Path.of("/proc/self/fd/" + descriptor);
    try (OutputStream out = new FileOutputStream(path.toFile())) {
      content.transferTo(out);
    }
    return path;
  }

  private static MethodHandle handle(
      String name, FunctionDescriptor descriptor, Linker.Option... options) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor, options);
  }
}
