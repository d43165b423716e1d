package org.halfstep.model;

import java.io.IOException;
import java.nio.file.Path;
import org.halfstep.device.Device;
import org.halfstep.graph.ParameterSlab;

/** A network as training sees it: weights on a device, and how checkpoints keep them. */
public interface Trainable extends AutoCloseable {
  Device device();

  ParameterSlab weights();

  /**
   * Writes weights of this network in float32, with what describes it.
   *
   * @param values the network's own, or others of its layout, such as a moving average
   */
  void save(Path path, ParameterSlab values) throws IOException;

  /**
   * Reads weights that {@link #save} wrote.
   *
   * @throws IOException in one line, when the file is damaged or holds a network of another shape
   */
  void restore(Path path, ParameterSlab values) throws IOException;

  @Override
  void close();
}
