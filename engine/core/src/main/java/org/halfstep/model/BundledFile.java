package org.halfstep.model;

import java.io.IOException;
import java.io.InputStream;
import java.net.MalformedURLException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import org.halfstep.files.TemporaryFile;

/**
 * The weights files that come with the engine, as resources of its jar; those in the folder that
 * the system property {@value #PLACE} names go before them.
 */
public final class BundledFile {
  /** The system property with a folder of further weights files. */
  public static final String PLACE = "halfstep.models";

  private static final String FOLDER = "/org/halfstep/models/";
  private static final String ENDING = ".safetensors";

  /** Reads something from a file. */
  @FunctionalInterface
  public interface Reader<T> {
    T read(Path path) throws IOException;
  }

  private BundledFile() {}

  /** Whether this build has a file of that name, given without its ending. */
  public static boolean exists(String name) {
    return resource(name) != null;
  }

  private static URL resource(String name) {
    String place = System.getProperty(PLACE);
    if (place != null) {
      Path file = Path.of(place, name + ENDING);
      if (Files.isRegularFile(file)) {
        try {
          return file.toUri().toURL();
        } catch (MalformedURLException impossible) {
          throw new IllegalStateException(impossible);
        }
      }
    }
    return BundledFile.class.getResource(FOLDER + name + ENDING);
  }

  /**
   * Reads a bundled file that {@link #exists}.
   *
   * @param reader given a path that is there only while it reads
   */
  public static <T> T read(String name, Reader<T> reader) throws IOException {
    URL resource = resource(name);
    if (resource == null) {
      throw new IOException("this build bundles no file " + name + ENDING);
    }
    if (resource.getProtocol().equals("file")) {
      try {
        return reader.read(Path.of(resource.toURI()));
      } catch (URISyntaxException e) {
        throw new IOException(e);
      }
    }
    // A mapped file is needed, and a jar's entry is none.
    try (InputStream in = resource.openStream();
        TemporaryFile copy = TemporaryFile.of(in)) {
      return reader.read(copy.path());
    }
  }
}
