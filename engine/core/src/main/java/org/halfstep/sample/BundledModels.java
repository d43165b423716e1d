package org.halfstep.sample;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.checkpoint.AdmFile;
import org.halfstep.checkpoint.BundledCheckpoint;
import org.halfstep.device.Device;
import org.halfstep.model.BundledFile;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;

/** The models of pixels that come with the engine, as resources of its jar. */
final class BundledModels {
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
    return NAMES.stream().filter(BundledFile::exists).toList();
  }

  /**
   * @throws IllegalArgumentException when there is no such model; names those that there are
   */
  static Network<UNetConfig, ModelCard> load(Device device, String name, long memory)
      throws IOException {
    if (!NAMES.contains(name) || !BundledFile.exists(name)) {
      List<String> there = new ArrayList<>(names());
      there.addAll(BundledCheckpoint.names());
      throw new IllegalArgumentException(
          "there is no bundled model \""
              + name
              + "\"; "
              + (there.isEmpty()
                  ? "this build bundles none"
                  : "bundled are " + String.join(", ", there)));
    }
    return BundledFile.read(name, path -> open(device, path, memory));
  }

  /**
   * Opens a file, of ours or of a published pixel network.
   *
   * @param memory bytes that packed weights may take, 0 for the default
   */
  static Network<UNetConfig, ModelCard> open(Device device, Path path, long memory)
      throws IOException {
    if (AdmFile.matches(path)) {
      return AdmFile.open(device, path, null, memory);
    }
    return memory == 0
        ? Network.open(device, UNetConfig.FORMAT, path)
        : Network.open(device, UNetConfig.FORMAT, path, memory);
  }
}
