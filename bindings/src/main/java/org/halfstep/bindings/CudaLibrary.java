package org.halfstep.bindings;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/**
 * One of NVIDIA's libraries, found in the folders of {@link CudaLibraryFolders}, at last by the
 * system's loader.
 *
 * <p>cuDNN is a set of libraries that open each other by name. All of the set are opened from the
 * folder that the first one comes from, before anything in it is called: the loader then resolves
 * the names to those, and no second cuDNN that happens to be on its own path gets mixed in. NVRTC,
 * with which cuDNN compiles fused convolutions, is opened beforehand where it is found, because
 * cuDNN would look for it only beside itself and on the loader's path.
 */
@SuppressWarnings("restricted") // loading native code is what this class is for
public final class CudaLibrary {
  /** The parts of cuDNN 9, each after those that it needs; parts of later versions come last. */
  private static final List<String> CUDNN_ORDER =
      List.of(
          "libcudnn_graph.so.9",
          "libcudnn_ops.so.9",
          "libcudnn_cnn.so.9",
          "libcudnn_adv.so.9",
          "libcudnn_engines_precompiled.so.9",
          "libcudnn_engines_runtime_compiled.so.9",
          "libcudnn_heuristic.so.9");

  /** Without these nothing can be planned; the others bring engines that may be done without. */
  private static final Set<String> CUDNN_CORE =
      Set.of(
          "libcudnn_graph.so.9",
          "libcudnn_ops.so.9",
          "libcudnn_cnn.so.9",
          "libcudnn_engines_precompiled.so.9",
          "libcudnn_heuristic.so.9");

  private static final List<String> NVRTC = List.of("libnvrtc.so.13", "libnvrtc.so.12");

  /** cuBLASLt of CUDA 13 or 12. */
  public static final CudaLibrary CUBLASLT =
      new CudaLibrary(
          "cuBLASLt",
          List.of("libcublasLt.so.13", "libcublasLt.so.12"),
          null,
          Set.of(),
          List.of(),
          "pip install nvidia-cublas",
          CudaLibraryFolders::ofThisProcess);

  /** cuDNN 9. */
  public static final CudaLibrary CUDNN =
      new CudaLibrary(
          "cuDNN",
          List.of("libcudnn.so.9"),
          "libcudnn_*.so.9",
          CUDNN_CORE,
          NVRTC,
          "pip install nvidia-cudnn-cu13",
          CudaLibraryFolders::ofThisProcess);

  private final String title;
  private final List<String> names;
  private final String parts;
  private final Set<String> compulsory;
  private final List<String> companions;
  private final String remedy;
  private final Supplier<CudaLibraryFolders> search;

  private SymbolLookup symbols;
  private Path location;
  private List<String> leftOut = List.of();

  /**
   * @param title for people
   * @param names file names that will do, the best first
   * @param parts a pattern for the other libraries of a set, opened first; null for none
   * @param compulsory names of the parts without which the set is of no use
   * @param companions libraries that are opened before when they are found; the first that is
   * @param remedy a command that installs it
   */
  CudaLibrary(
      String title,
      List<String> names,
      String parts,
      Set<String> compulsory,
      List<String> companions,
      String remedy,
      Supplier<CudaLibraryFolders> search) {
    this.title = title;
    this.names = names;
    this.parts = parts;
    this.compulsory = compulsory;
    this.companions = companions;
    this.remedy = remedy;
    this.search = search;
  }

  /**
   * Loads the library; later calls return the same lookup.
   *
   * @throws NativeLibraryException if it does not load; the message lists every file that was tried
   *     with the loader's own words, and the folders that have none
   */
  public synchronized SymbolLookup load() {
    if (symbols == null) {
      try {
        find();
      } catch (IllegalCallerException denied) {
        throw new NativeLibraryException(
            title
                + " cannot be loaded: native access is denied; start java with"
                + " --enable-native-access=ALL-UNNAMED",
            denied);
      }
    }
    return symbols;
  }

  /** The file that it was loaded from. */
  public synchronized Path location() {
    load();
    return location;
  }

  /** Parts of the set that did not load and are done without, each with the loader's words. */
  public synchronized List<String> leftOut() {
    load();
    return leftOut;
  }

  /**
   * A handle for one C function.
   *
   * @throws NativeLibraryException if the library lacks the function
   */
  MethodHandle function(String name, FunctionDescriptor descriptor) {
    MemorySegment address =
        load()
            .find(name)
            .orElseThrow(
                () ->
                    new NativeLibraryException(
                        location
                            + " has no function "
                            + name
                            + ": a newer "
                            + title
                            + " is needed, for example by: "
                            + remedy));
    return Linker.nativeLinker().downcallHandle(address, descriptor);
  }

  private void find() {
    CudaLibraryFolders folders = search.get();
    List<String> tried = new ArrayList<>();
    for (Path file : folders.find(names)) {
      Optional<String> problem = open(file, folders);
      if (problem.isEmpty()) {
        return;
      }
      tried.add(file + " (" + problem.get() + ")");
    }
    String namedBy = folders.namedBy();
    if (namedBy == null && fromSystem(folders, tried)) {
      return;
    }
    throw new NativeLibraryException(
        "cannot load "
            + title
            + ": tried "
            + (tried.isEmpty() ? "nothing" : String.join("; ", tried))
            + "; folders looked into for "
            + String.join(" or ", names)
            + (namedBy == null ? "" : ", as the " + namedBy + " says")
            + ": "
            + (folders.folders().isEmpty() ? "none that exists" : text(folders.folders()))
            + "; set "
            + CudaLibraryFolders.PROPERTY
            + " or "
            + CudaLibraryFolders.VARIABLE
            + " to the folder that has it, or install it, for example by: "
            + remedy);
  }

  private boolean fromSystem(CudaLibraryFolders folders, List<String> tried) {
    for (String name : names) {
      try {
        MemorySegment library = SystemLoader.open(name);
        Optional<Path> file = SystemLoader.fileOf(name);
        if (file.isPresent()) {
          Optional<String> problem = open(file.get(), folders);
          if (problem.isEmpty()) {
            return true;
          }
          tried.add(file.get() + " (" + problem.get() + ")");
        }
        SystemLoader.close(library);
      } catch (UnsatisfiedLinkError missing) {
        tried.add("the system's loader (" + missing.getMessage() + ")");
      }
    }
    return false;
  }

  /** Opens a library with its set; what was wrong, or nothing. */
  private Optional<String> open(Path file, CudaLibraryFolders folders) {
    List<MemorySegment> opened = new ArrayList<>();
    List<String> missing = new ArrayList<>();
    try {
      openCompanion(folders);
      for (Path part : parts(file.getParent())) {
        try {
          opened.add(SystemLoader.open(part.toString()));
        } catch (UnsatisfiedLinkError refused) {
          if (compulsory.contains(part.getFileName().toString())) {
            throw refused;
          }
          missing.add(part.getFileName() + " (" + refused.getMessage() + ")");
        }
      }
      opened.add(SystemLoader.open(file.toString()));
      symbols = SymbolLookup.libraryLookup(file, Arena.global());
      location = file;
      leftOut = List.copyOf(missing);
      return Optional.empty();
    } catch (UnsatisfiedLinkError | IllegalArgumentException refused) {
      // What stays open would be taken for a part of the next folder's set.
      opened.reversed().forEach(SystemLoader::close);
      return Optional.of(refused.getMessage());
    }
  }

  private void openCompanion(CudaLibraryFolders folders) {
    for (Path companion : folders.find(companions)) {
      try {
        SystemLoader.open(companion.toString());
        return;
      } catch (UnsatisfiedLinkError unusable) {
        // Only an engine that compiles needs it; cuDNN then says so and offers another.
      }
    }
  }

  private List<Path> parts(Path folder) {
    List<Path> found = new ArrayList<>();
    if (parts != null) {
      try (DirectoryStream<Path> matching = Files.newDirectoryStream(folder, parts)) {
        matching.forEach(found::add);
      } catch (IOException unreadable) {
        throw new UnsatisfiedLinkError(folder + " cannot be read: " + unreadable.getMessage());
      }
    }
    found.sort(Comparator.comparingInt(CudaLibrary::rank).thenComparing(Comparator.naturalOrder()));
    return found;
  }

  private static int rank(Path part) {
    int index = CUDNN_ORDER.indexOf(part.getFileName().toString());
    return index < 0 ? CUDNN_ORDER.size() : index;
  }

  private static String text(List<Path> folders) {
    return String.join(", ", folders.stream().map(Path::toString).toList());
  }
}
