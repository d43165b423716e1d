package org.halfstep.device;

import java.util.List;

/**
 * Launches that run in order as one. On a CPU that is a loop; on a GPU they are recorded as a graph
 * of kernels, which the driver starts at once. What a launch was bound to (addresses, shapes,
 * numbers) is fixed; what lies in device memory is read when it runs.
 */
public interface Sequence extends Launch, AutoCloseable {

  /** The launches one after another. */
  static Sequence loop(List<Launch> launches) {
    Launch[] steps = launches.toArray(Launch[]::new);
    return () -> {
      for (Launch step : steps) {
        step.run();
      }
    };
  }

  /** Frees what the recording holds; the launches themselves stay usable. */
  @Override
  default void close() {}
}
