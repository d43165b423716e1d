package org.halfstep.sample;

import java.io.IOException;
import java.io.InputStream;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import org.halfstep.device.Device;
import org.halfstep.model.Network;

/** The models that come with the engine, as resources of its jar. */
final class BundledModels {
  private static final String FOLDER = "/org/halfstep/models/";
  private static final String ENDING = ".safetensors";

  /** Teacher first, then fewer and fewer steps. */
  private static final List<String> NAMES =
      List.of(
          "fashion-mnist-teacher",
          "fashion-mnist-8",
          "fashion-mnist-4",
          "fashion-mnist-2",
          "fashion-mnist-1");

  private BundledModels() {}

  /** Names of those that are there. */
  static List<String> names() {
    return NAMES.stream().filter(name -> resource(name) != null).toList();
  }

  private static URL resource(String name) {
    return BundledModels.class.getResource(FOLDER + name + ENDING);
  }

  /**
   * @throws IllegalArgumentException when there is no such model; names those that there are
   */
  static Network load(Device device, String name) throws IOException {
    URL resource = NAMES.contains(name) ? resource(name) : null;
    if (resource == null) {
      List<String> there = names();
      throw new IllegalArgumentException(
          "there is no bundled model \""
              + name
              + "\"; "
              + (there.isEmpty()
                  ? "this build bundles none"
                  : "bundled are " + String.join(", ", there)));
    }
    if (resource.getProtocol().equals("file")) {
      try {
        return Network.load(device, Path.of(resource.toURI()));
      } catch (URISyntaxException e) {
        throw new IOException(e);
      }
    }
    // A mapped file is needed, and a jar's entry is none.
    Path copy = Files.createTempFile("halfstep-" + name + "-", ENDING);
    try (InputStream in = resource.openStream()) {
      Files.copy(in, copy, StandardCopyOption.REPLACE_EXISTING);
      return Network.load(device, copy);
    } finally {
      Files.deleteIfExists(copy);
    }
  }
}
