package org.halfstep.checkpoint;

import com.fasterxml.jackson.databind.node.ObjectNode;
import org.halfstep.safetensors.Tensors;

/**
 * One network of a checkpoint.
 *
 * @param network what it is
 * @param config its config.json, as it was read or as it follows from the tensors
 * @param tensors its parameters, under the names and in the shapes of {@link
 *     NetworkDescription#shapes}; there until its {@link Checkpoint} is closed, and closing them
 *     does nothing
 */
public record Component(NetworkDescription network, ObjectNode config, Tensors tensors) {
  /** Which network it is. */
  public Part part() {
    return network.part();
  }
}
