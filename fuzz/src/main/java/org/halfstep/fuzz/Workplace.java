package org.halfstep.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;

/** A folder in memory that files are written to before they are read, emptied for each. */
final class Workplace {
  private final Path root;
  private final Path folder;
  private final Device device = new CpuDevice();

  /**
   * @param root with the whole files that {@link Seeds} wrote; a folder of one's own is made in it
   */
  Workplace(Path root) throws IOException {
    this.root = root;
    this.folder = Files.createDirectories(root.resolve("run-" + ProcessHandle.current().pid()));
  }

  Path folder() {
    return folder;
  }

  Device device() {
    return device;
  }

  /** A whole UNet's file. */
  Path model() {
    return root.resolve(Seeds.MODEL);
  }

  /** A whole classifier's file. */
  Path classifier() {
    return root.resolve(Seeds.CLASSIFIER);
  }

  Path write(String name, byte[] bytes) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.write(file, bytes);
  }

  /** Removes what the last input left. */
  void empty() throws IOException {
    try (Stream<Path> left = Files.walk(folder)) {
      for (Path path : left.sorted(Comparator.reverseOrder()).toList()) {
        if (!path.equals(folder)) {
          Files.delete(path);
        }
      }
    }
  }
}
