package org.halfstep.cli.console;

import java.io.IOException;
import java.nio.file.Path;
import org.halfstep.train.Examples;

/**
 * What is looked at of a run at its checkpoints.
 *
 * @param heldOut examples that are not learned from; null for none
 * @param samples makes images; null for none
 */
public record Watch(Examples heldOut, Samples samples) {
  /** Nothing. */
  public static final Watch NONE = new Watch(null, null);

  /** Shows what a phase has come to. */
  @FunctionalInterface
  public interface Samples {
    /**
     * @param phase its title
     * @param update updates that are done
     * @param weights the file of a model that the phase would end with now
     * @return what was written
     */
    Path write(String phase, long update, Path weights) throws IOException;
  }
}
