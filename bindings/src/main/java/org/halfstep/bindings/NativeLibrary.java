package org.halfstep.bindings;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.net.URISyntaxException;
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
 * <p>Both our kernels and oneDNN use the OpenMP runtime libgomp.so.1, and a process must have one
 * only: two would each start a pool of threads. The system's is loaded first when there is one, the
 * one in oneDNN's jar otherwise; the loader then resolves the name to the one that is loaded.
 *
 * <p>libgomp's threads wait for each other in a loop of 300,000 turns (milliseconds) by default.
 * When another process wants the same cores, that loop burns the time slices in which the thread
 * waited for should run, and small kernels take a hundred times longer. {@value #SPIN_TURNS} turns
 * are as fast on an idle machine; they are set here unless the environment already says how to wait
 * (GOMP_SPINCOUNT or OMP_WAIT_POLICY).
 */
@SuppressWarnings("restricted") // loading native code is what this class is for
public final class NativeLibrary {
  private static final String ALLOW_FLAG = "--enable-native-access=ALL-UNNAMED";
  private static final int RTLD_NOW = 2;
  private static final String SPIN_TURNS = "1000";
  private static final Path GLIBC_LOADER = Path.of("/lib64/ld-linux-x86-64.so.2");

  private static final Companion OPENMP =
      new Companion("libgomp.so.1", "org/bytedeco/dnnl/linux-x86_64/");

  /** Our own kernels for the CPU. */
  public static final NativeLibrary KERNELS =
      new NativeLibrary(
          "libhalfstep_cpu.so",
          "halfstep.native",
          "HALFSTEP_NATIVE",
          "org/halfstep/native/linux-x86_64/",
          List.of(OPENMP),
          "build it with `make native`");

  /** Our own kernels for NVIDIA GPUs. */
  public static final NativeLibrary CUDA_KERNELS =
      new NativeLibrary(
          "libhalfstep_cuda.so",
          "halfstep.native.cuda",
          "HALFSTEP_NATIVE_CUDA",
          "org/halfstep/native/linux-x86_64/",
          List.of(),
          "build it with `make native` where CUDA's nvcc is installed");

  /** The CUDA driver. It comes with the GPU's driver, never with a jar. */
  public static final NativeLibrary CUDA_DRIVER =
      new NativeLibrary(
          "libcuda.so.1",
          "halfstep.cuda.driver",
          "HALFSTEP_CUDA_DRIVER",
          null,
          List.of(),
          "install the GPU's driver");

  /** oneDNN 3. */
  public static final NativeLibrary ONEDNN =
      new NativeLibrary(
          "libdnnl.so.3",
          "halfstep.onednn",
          "HALFSTEP_ONEDNN",
          "org/bytedeco/dnnl/linux-x86_64/",
          List.of(OPENMP),
          "put the jar org.bytedeco:dnnl:linux-x86_64 on the class path");

  private final String file;
  private final String property;
  private final String variable;
  private final String resourceFolder;
  private final List<Companion> companions;
  private final String remedy;

  private SymbolLookup symbols;
  private String location;

  /**
   * A library that must be in the process first; taken from the system, else from the class path.
   */
  private record Companion(String file, String resourceFolder) {}

  NativeLibrary(
      String file,
      String property,
      String variable,
      String resourceFolder,
      List<Companion> companions,
      String remedy) {
    this.file = file;
    this.property = property;
    this.variable = variable;
    this.resourceFolder = resourceFolder;
    this.companions = companions;
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
      loadCompanions();
      try {
        return loaded(path, path.toString());
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
    loadCompanions();
    try {
      SymbolLookup found = loadResource(resource, file);
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
      SymbolLookup found = SymbolLookup.libraryLookup(file, Arena.global());
      location = "the system's loader";
      return found;
    } catch (IllegalArgumentException missing) {
      tried.add("the system's loader (" + loaderMessage(file) + ")");
      return null;
    }
  }

  private SymbolLookup loaded(Path path, String from) {
    SymbolLookup found = open(path);
    location = from;
    return found;
  }

  /**
   * Opens one file. The lookup is that of the file alone: the CPU's and the GPU's kernels have the
   * same names, and a lookup over all loaded libraries would mix them.
   */
  private static SymbolLookup open(Path path) {
    try {
      return SymbolLookup.libraryLookup(path, Arena.global());
    } catch (IllegalArgumentException refused) {
      throw new UnsatisfiedLinkError(loaderMessage(path.toString()));
    }
  }

  /** By its text: as a path, it would be resolved to a name that no folder has. */
  private static SymbolLookup openNameless(Path path) {
    try {
      return SymbolLookup.libraryLookup(path.toString(), Arena.global());
    } catch (IllegalArgumentException refused) {
      throw new UnsatisfiedLinkError(loaderMessage(path.toString()));
    }
  }

  private void loadCompanions() {
    if (companions.contains(OPENMP)
        && System.getenv("GOMP_SPINCOUNT") == null
        && System.getenv("OMP_WAIT_POLICY") == null) {
      setEnvironment("GOMP_SPINCOUNT", SPIN_TURNS);
    }
    for (Companion companion : companions) {
      try {
        SymbolLookup.libraryLookup(companion.file, Arena.global());
      } catch (IllegalArgumentException missing) {
        URL resource =
            NativeLibrary.class
                .getClassLoader()
                .getResource(companion.resourceFolder + companion.file);
        if (resource != null) {
          try {
            loadResource(resource, companion.file);
          } catch (IOException | UnsatisfiedLinkError failed) {
            throw new NativeLibraryException(
                "cannot load "
                    + companion.file
                    + ", which "
                    + file
                    + " needs, from "
                    + resource
                    + ": "
                    + failed.getMessage()
                    + "; install it in the system",
                failed);
          }
        }
      }
    }
  }

  private static SymbolLookup loadResource(URL resource, String name) throws IOException {
    if (resource.getProtocol().equals("file")) {
      try {
        return open(Path.of(resource.toURI()));
      } catch (URISyntaxException e) {
        throw new IOException(e);
      }
    }
    Path folder = Path.of(System.getProperty("java.io.tmpdir"));
    String problem;
    try (InputStream in = resource.openStream()) {
      return openNameless(NamelessFile.onDisk(folder, in));
    } catch (IOException | UnsatisfiedLinkError refused) {
      // A folder that is full, read-only or closed to programs, or a file system without such
      // files.
      problem = refused.getMessage();
    }
    try (InputStream in = resource.openStream()) {
      return openNameless(NamelessFile.inMemory(name, in));
    } catch (IOException | UnsatisfiedLinkError refused) {
      throw new IOException(
          "neither to the temporary folder "
              + folder
              + " ("
              + problem
              + ") nor into memory ("
              + refused.getMessage()
              + "); choose a folder that programs may run from with TMPDIR or"
              + " -Djava.io.tmpdir=FOLDER",
          refused);
    }
  }

  /** For libraries that read the C environment when they are loaded; Java's own copy stays. */
  private static void setEnvironment(String name, String value) {
    Linker linker = Linker.nativeLinker();
    try (Arena arena = Arena.ofConfined()) {
      MethodHandle setenv =
          linker.downcallHandle(
              linker.defaultLookup().findOrThrow("setenv"),
              FunctionDescriptor.of(
                  ValueLayout.JAVA_INT,
                  ValueLayout.ADDRESS,
                  ValueLayout.ADDRESS,
                  ValueLayout.JAVA_INT));
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

  /** What the system's loader says about a name that it cannot load; libraryLookup drops it. */
  private static String loaderMessage(String name) {
    Linker linker = Linker.nativeLinker();
    SymbolLookup libc = linker.defaultLookup();
    try (Arena arena = Arena.ofConfined()) {
      MethodHandle dlopen =
          linker.downcallHandle(
              libc.findOrThrow("dlopen"),
              FunctionDescriptor.of(
                  ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
      MethodHandle dlerror =
          linker.downcallHandle(
              libc.findOrThrow("dlerror"), FunctionDescriptor.of(ValueLayout.ADDRESS));
      MemorySegment ignored =
          (MemorySegment) dlopen.invokeExact(arena.allocateFrom(name), RTLD_NOW);
      MemorySegment text = (MemorySegment) dlerror.invokeExact();
      return text.address() == 0
          ? name + " was not found"
          : text.reinterpret(Long.MAX_VALUE).getString(0);
    } catch (Throwable unavailable) {
      return name + " was not found";
    }
  }
}
