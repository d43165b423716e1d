package org.halfstep.bindings;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * One native library: where to look for it, and its functions once it is loaded.
 *
 * <p>It is looked for in this order: the file or folder named by a system property, else by an
 * environment variable; the class path, where a jar carries it, else the system's loader. A place
 * that was named explicitly is binding: when the library there does not load, nothing else is
 * tried.
 *
 * <p>Libraries from jars are copied to files that no folder lists, on the disk of the temporary
 * folder or else in memory, so that a killed process leaves nothing behind.
 *
 * <p>Our kernels and oneDNN share one {@link OpenMpRuntime}, which is loaded before them.
 */
@SuppressWarnings("restricted") // loading native code is what this class is for
public final class NativeLibrary {
  private static final String ALLOW_FLAG = "--enable-native-access=ALL-UNNAMED";
  private static final Path GLIBC_LOADER = Path.of("/lib64/ld-linux-x86-64.so.2");

  /** Our own kernels for the CPU. */
  public static final NativeLibrary KERNELS =
      new NativeLibrary(
          "libhalfstep_cpu.so",
          "halfstep.native",
          "HALFSTEP_NATIVE",
          "org/halfstep/native/linux-x86_64/",
          true,
          "build it with `make native`");

  /** Our own kernels for NVIDIA GPUs. */
  public static final NativeLibrary CUDA_KERNELS =
      new NativeLibrary(
          "libhalfstep_cuda.so",
          "halfstep.native.cuda",
          "HALFSTEP_NATIVE_CUDA",
          "org/halfstep/native/linux-x86_64/",
          false,
          "build it with `make native` where CUDA's nvcc is installed");

  /** The CUDA driver. It comes with the GPU's driver, never with a jar. */
  public static final NativeLibrary CUDA_DRIVER =
      new NativeLibrary(
          "libcuda.so.1",
          "halfstep.cuda.driver",
          "HALFSTEP_CUDA_DRIVER",
          null,
          false,
          "install the GPU's driver");

  /** oneDNN 3. */
  public static final NativeLibrary ONEDNN =
      new NativeLibrary(
          "libdnnl.so.3",
          "halfstep.onednn",
          "HALFSTEP_ONEDNN",
          "org/bytedeco/dnnl/linux-x86_64/",
          true,
          "put the jar org.bytedeco:dnnl:linux-x86_64 on the class path");

  private final String file;
  private final String property;
  private final String variable;
  private final String resourceFolder;
  private final boolean usesOpenMp;
  private final String remedy;

  private SymbolLookup symbols;
  private String location;

  /**
   * @param file name of the library
   * @param property system property that names the file or its folder
   * @param variable environment variable that does
   * @param resourceFolder where jars carry it; null when none do
   * @param usesOpenMp whether the OpenMP runtime must be in the process first
   * @param remedy what to do where it is missing, a clause
   */
  NativeLibrary(
      String file,
      String property,
      String variable,
      String resourceFolder,
      boolean usesOpenMp,
      String remedy) {
    this.file = file;
    this.property = property;
    this.variable = variable;
    this.resourceFolder = resourceFolder;
    this.usesOpenMp = usesOpenMp;
    this.remedy = remedy;
  }

  /**
   * Loads the library; later calls return the same lookup.
   *
   * @throws NativeLibraryException if it does not load; the message lists each place tried with the
   *     loader's own words
   */
  public SymbolLookup load() {
    synchronized (NativeLibrary.class) {
      if (symbols == null) {
        try {
          symbols = find();
        } catch (IllegalCallerException denied) {
          throw new NativeLibraryException(
              file + " cannot be loaded: native access is denied; start java with " + ALLOW_FLAG,
              denied);
        }
      }
      return symbols;
    }
  }

  /** Where the library came from, for people: a path, a resource or the system's loader. */
  public String location() {
    load();
    return location;
  }

  /**
   * A handle for one C function.
   *
   * @throws NativeLibraryException if the library lacks the function
   */
  public MethodHandle function(
      String name, FunctionDescriptor descriptor, Linker.Option... options) {
    return Linker.nativeLinker().downcallHandle(address(name), descriptor, options);
  }

  /** What to do about a library that is wrong, in a clause. */
  String remedy() {
    return remedy;
  }

  /**
   * Where one C function is.
   *
   * @throws NativeLibraryException if the library lacks the function
   */
  MemorySegment address(String name) {
    return load()
        .find(name)
        .orElseThrow(
            () ->
                new NativeLibraryException(
                    file
                        + " from "
                        + location
                        + " has no function "
                        + name
                        + ": it is another version than the one these bindings are for; "
                        + remedy));
  }

  /** The jars carry libraries for one kind of system; elsewhere no place is worth looking at. */
  private static void requireSystem() {
    String system = System.getProperty("os.name") + " " + System.getProperty("os.arch");
    boolean musl = Files.exists(Path.of("/lib/ld-musl-x86_64.so.1")) && !Files.exists(GLIBC_LOADER);
    if (!system.equals("Linux amd64") || musl) {
      throw new NativeLibraryException(
          "this is "
              + system
              + (musl ? " with musl" : "")
              + ", and Halfstep's native libraries are for Linux x86-64 with glibc: use such a"
              + " machine, or a container with such a system");
    }
  }

  private SymbolLookup find() {
    requireSystem();
    List<String> tried = new ArrayList<>();
    String named = System.getProperty(property);
    String namedBy = "system property " + property;
    if (named == null || named.isBlank()) {
      named = System.getenv(variable);
      namedBy = "environment variable " + variable;
    }
    if (named != null && !named.isBlank()) {
      return fromPath(Path.of(named), namedBy);
    }
    // A system's library of a name that a jar carries is of another version and speed: it is used
    // where somebody names it, not in silence.
    SymbolLookup found = resourceFolder == null ? fromSystem(tried) : fromClassPath(tried);
    if (found == null) {
      throw new NativeLibraryException(
          "cannot load "
              + file
              + ": tried "
              + String.join("; ", tried)
              + "; set "
              + property
              + " or "
              + variable
              + " to the file or its folder, or "
              + remedy);
    }
    return found;
  }

  private SymbolLookup fromPath(Path named, String namedBy) {
    Path path = (Files.isDirectory(named) ? named.resolve(file) : named).toAbsolutePath();
    String problem = null;
    if (!Files.exists(path)) {
      problem = "there is no such file";
    } else {
      loadOpenMp();
      try {
        SymbolLookup found = LibraryFile.open(path);
        location = path.toString();
        return found;
      } catch (UnsatisfiedLinkError refused) {
        problem = refused.getMessage();
      }
    }
    throw new NativeLibraryException(
        "cannot load "
            + path
            + ", named by the "
            + namedBy
            + ": "
            + problem
            + "; expected the file "
            + file
            + " or its folder: correct or unset the "
            + namedBy
            + ", or "
            + remedy);
  }

  private SymbolLookup fromClassPath(List<String> tried) {
    String name = resourceFolder + file;
    URL resource = NativeLibrary.class.getClassLoader().getResource(name);
    if (resource == null) {
      tried.add("the class path (no resource " + name + ")");
      return null;
    }
    loadOpenMp();
    try {
      SymbolLookup found = LibraryFile.ofResource(resource, file);
      location = resource.toString();
      return found;
    } catch (UnsatisfiedLinkError refused) {
      tried.add("the class path (" + resource + ": " + refused.getMessage() + ")");
    } catch (IOException | UncheckedIOException failed) {
      tried.add("the class path (" + resource + " cannot be copied: " + failed.getMessage() + ")");
    }
    return null;
  }

  private SymbolLookup fromSystem(List<String> tried) {
    try {
      SymbolLookup found = LibraryFile.ofSystem(file);
      location = "the system's loader";
      return found;
    } catch (UnsatisfiedLinkError missing) {
      tried.add("the system's loader (" + missing.getMessage() + ")");
      return null;
    }
  }

  private void loadOpenMp() {
    if (usesOpenMp) {
      OpenMpRuntime.load(file);
    }
  }
}
