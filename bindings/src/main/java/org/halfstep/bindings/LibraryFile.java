package org.halfstep.bindings;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Path;

/**
 * Opens one file as a library. Each lookup is that of the file alone: the CPU's and the GPU's
 * kernels have the same names, and a lookup over all loaded libraries would mix them.
 */
@SuppressWarnings("restricted") // loading native code is what this class is for
final class LibraryFile {
  private LibraryFile() {}

  /**
   * A file of a folder.
   *
   * @throws UnsatisfiedLinkError with the loader's message
   */
  static SymbolLookup open(Path path) {
    try {
      return SymbolLookup.libraryLookup(path, Arena.global());
    } catch (IllegalArgumentException refused) {
      throw refusal(path.toString());
    }
  }

  /**
   * A file that the system's loader searches for.
   *
   * @throws UnsatisfiedLinkError with the loader's message
   */
  static SymbolLookup ofSystem(String name) {
    try {
      return SymbolLookup.libraryLookup(name, Arena.global());
    } catch (IllegalArgumentException refused) {
      throw refusal(name);
    }
  }

  /**
   * A file of the class path. One in a jar is copied to a {@link NamelessFile}, on the disk of the
   * temporary folder or else in memory.
   *
   * @param name of the library
   * @throws IOException if it cannot be copied to where programs may run from
   * @throws UnsatisfiedLinkError with the loader's message
   */
  static SymbolLookup ofResource(URL resource, String name) throws IOException {
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

  /** By its text: as a path, it would be resolved to a name that no folder has. */
  private static SymbolLookup openNameless(Path path) {
    return ofSystem(path.toString());
  }

  /** What the system's loader says about a name that it does not load; libraryLookup drops it. */
  private static UnsatisfiedLinkError refusal(String name) {
    try {
      SystemLoader.close(SystemLoader.open(name));
    } catch (UnsatisfiedLinkError refused) {
      return refused;
    }
    return new UnsatisfiedLinkError(name + " was not found");
  }
}
