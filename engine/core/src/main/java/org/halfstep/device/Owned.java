package org.halfstep.device;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Things that belong to one owner and are closed together, the last one first. An owner whose
 * constructor fails half-way closes what it had by then. Closing twice is harmless.
 */
public final class Owned implements AutoCloseable {
  private final Deque<AutoCloseable> things = new ArrayDeque<>();

  /** Takes over a thing and returns it. */
  public <T extends AutoCloseable> T add(T thing) {
    things.push(thing);
    return thing;
  }

  /** Closes everything; a failure of one does not keep the others open. */
  @Override
  public void close() {
    IllegalStateException failed = null;
    while (!things.isEmpty()) {
      try {
        things.pop().close();
      } catch (Exception e) {
        if (failed == null) {
          failed = new IllegalStateException("closing failed: " + e.getMessage(), e);
        } else {
          failed.addSuppressed(e);
        }
      }
    }
    if (failed != null) {
      throw failed;
    }
  }
}
