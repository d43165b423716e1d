package org.halfstep.bindings;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/**
 * The folders where NVIDIA's libraries may be, in the order in which they are looked into:
 *
 * <ol>
 *   <li>what the system property {@value #PROPERTY}, else the environment variable {@value
 *       #VARIABLE} names: one or more folders with ':' between them. They are binding: when they
 *       are given, nothing else is looked into. A folder stands for itself and for the usual places
 *       below it, so a toolkit, a virtual environment or a site-packages folder may be named as
 *       well;
 *   <li>an installed toolkit: {@code CUDA_HOME}, {@code CUDA_PATH}, {@code /usr/local/cuda*}, the
 *       folders of {@code LD_LIBRARY_PATH} and of the system;
 *   <li>where Python wheels keep them (a PyTorch install brings them): {@code nvidia/*}{@code /lib}
 *       below the site-packages folders of {@code VIRTUAL_ENV}, {@code CONDA_PREFIX}, the Python on
 *       the {@code PATH}, {@code PYTHONPATH}, {@code ~/.local} and the system.
 * </ol>
 */
public final class CudaLibraryFolders {
  static final String PROPERTY = "halfstep.cuda";
  static final String VARIABLE = "HALFSTEP_CUDA";

  /** As many as the system follows. */
  private static final int MOST_LINKS = 40;

  private static final List<String> TOOLKIT = List.of("lib64", "lib", "targets/x86_64-linux/lib");
  private static final List<String> SYSTEM =
      List.of(
          "usr/lib/x86_64-linux-gnu",
          "lib/x86_64-linux-gnu",
          "usr/lib64",
          "usr/lib",
          "usr/local/lib");

  private final UnaryOperator<String> property;
  private final UnaryOperator<String> variable;
  private final Path root;

  /**
   * @param property reads a system property, null when it is not set
   * @param variable reads an environment variable, likewise
   * @param root the root of the file system
   */
  CudaLibraryFolders(UnaryOperator<String> property, UnaryOperator<String> variable, Path root) {
    this.property = property;
    this.variable = variable;
    this.root = root;
  }

  /** Those of this process. */
  public static CudaLibraryFolders ofThisProcess() {
    return new CudaLibraryFolders(System::getProperty, System::getenv, Path.of("/"));
  }

  /** The property or variable that names folders, for error texts; null when neither does. */
  String namedBy() {
    if (given(property.apply(PROPERTY))) {
      return "system property " + PROPERTY;
    }
    return given(variable.apply(VARIABLE)) ? "environment variable " + VARIABLE : null;
  }

  /** The folders that exist, without repetition, the first to be looked into first. */
  public List<Path> folders() {
    Set<Path> folders = new LinkedHashSet<>();
    String named = property.apply(PROPERTY);
    if (!given(named)) {
      named = variable.apply(VARIABLE);
    }
    if (given(named)) {
      for (String each : named.split(":")) {
        if (!each.isBlank()) {
          addNamed(Path.of(each.strip()), folders);
        }
      }
    } else {
      addInstalled(folders);
      addWheels(folders);
    }
    // Many are links to each other: lib64 to lib, /lib to /usr/lib, cuda to cuda-13.0.
    Set<Path> known = new HashSet<>();
    return folders.stream()
        .filter(folder -> Files.isDirectory(folder) && known.add(real(folder)))
        .toList();
  }

  /** The files with one of these names: folder by folder, in each the first name first. */
  public List<Path> find(List<String> names) {
    List<Path> found = new ArrayList<>();
    for (Path folder : folders()) {
      for (String name : names) {
        Path file = folder.resolve(name);
        if (Files.isRegularFile(file)) {
          found.add(file);
        }
      }
    }
    return found;
  }

  private static void addNamed(Path named, Set<Path> folders) {
    Path folder = named.toAbsolutePath().normalize();
    folders.add(folder);
    TOOLKIT.forEach(each -> folders.add(folder.resolve(each)));
    addSitePackages(folder, folders);
    addPythonPrefix(folder, folders);
  }

  private void addInstalled(Set<Path> folders) {
    for (String name : List.of("CUDA_HOME", "CUDA_PATH")) {
      String home = variable.apply(name);
      if (given(home)) {
        TOOLKIT.forEach(each -> folders.add(Path.of(home).resolve(each)));
      }
    }
    addEach(variable.apply("LD_LIBRARY_PATH"), folders::add);
    Path local = root.resolve("usr/local");
    List<Path> toolkits = new ArrayList<>(List.of(local.resolve("cuda")));
    toolkits.addAll(newestFirst(local, "cuda-*"));
    for (Path toolkit : toolkits) {
      TOOLKIT.forEach(each -> folders.add(toolkit.resolve(each)));
    }
    SYSTEM.forEach(each -> folders.add(root.resolve(each)));
  }

  private void addWheels(Set<Path> folders) {
    for (String name : List.of("VIRTUAL_ENV", "CONDA_PREFIX")) {
      String prefix = variable.apply(name);
      if (given(prefix)) {
        addPythonPrefix(Path.of(prefix), folders);
      }
    }
    addEach(
        variable.apply("PATH"),
        bin -> {
          for (String name : List.of("python3", "python")) {
            Path python = bin.resolve(name);
            if (Files.isExecutable(python)) {
              addPythonsOf(python, folders);
            }
          }
        });
    addEach(variable.apply("PYTHONPATH"), each -> addSitePackages(each, folders));
    String home = variable.apply("HOME");
    if (given(home)) {
      addPythonPrefix(Path.of(home, ".local"), folders);
    }
    addPythonPrefix(root.resolve("usr/local"), folders);
    addPythonPrefix(root.resolve("usr"), folders);
  }

  /**
   * The prefixes of a Python that may be a link: to a virtual environment's, which is itself a link
   * to that of its base. Each on the way may have the libraries.
   */
  private static void addPythonsOf(Path python, Set<Path> folders) {
    Path link = python;
    for (int hop = 0; hop < MOST_LINKS && link != null; hop++) {
      addPythonPrefix(link.resolve("../..").normalize(), folders);
      link = target(link);
    }
    addPythonPrefix(real(python).resolve("../..").normalize(), folders);
  }

  /** Where a link leads; null for what is none. */
  private static Path target(Path link) {
    try {
      return Files.isSymbolicLink(link)
          ? link.resolveSibling(Files.readSymbolicLink(link)).normalize()
          : null;
    } catch (IOException unreadable) {
      return null;
    }
  }

  /** The site-packages folders of the Pythons below one prefix; Debian calls them dist-packages. */
  private static void addPythonPrefix(Path prefix, Set<Path> folders) {
    for (String lib : List.of("lib", "lib64")) {
      for (Path python : newestFirst(prefix.resolve(lib), "python3*")) {
        addSitePackages(python.resolve("site-packages"), folders);
        addSitePackages(python.resolve("dist-packages"), folders);
      }
    }
  }

  private static void addSitePackages(Path packages, Set<Path> folders) {
    for (Path wheel : newestFirst(packages.resolve("nvidia"), "*")) {
      folders.add(wheel.resolve("lib"));
    }
    if (Files.isDirectory(packages.resolve("torch/lib"))) {
      folders.add(packages.resolve("torch/lib"));
    }
  }

  /** The folders that match, the highest version number first: cuda-13.0 before cuda-9.2. */
  private static List<Path> newestFirst(Path folder, String pattern) {
    List<Path> found = new ArrayList<>();
    try (DirectoryStream<Path> matching = Files.newDirectoryStream(folder, pattern)) {
      matching.forEach(found::add);
    } catch (IOException absent) {
      return List.of();
    }
    found.sort(
        Comparator.comparing((Path path) -> version(path.getFileName().toString()), Arrays::compare)
            .reversed()
            .thenComparing(Comparator.naturalOrder()));
    return found;
  }

  private static int[] version(String name) {
    return Stream.of(name.split("\\D+"))
        .filter(digits -> !digits.isEmpty() && digits.length() < 6)
        .mapToInt(Integer::parseInt)
        .toArray();
  }

  private static void addEach(String list, Consumer<Path> add) {
    if (given(list)) {
      for (String each : list.split(":")) {
        if (!each.isBlank()) {
          add.accept(Path.of(each));
        }
      }
    }
  }

  private static Path real(Path path) {
    try {
      return path.toRealPath();
    } catch (IOException broken) {
      return path;
    }
  }

  private static boolean given(String value) {
    return value != null && !value.isBlank();
  }
}
