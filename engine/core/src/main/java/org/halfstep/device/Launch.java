package org.halfstep.device;

/** One operation bound to its memory: running it computes, and allocates nothing. */
@FunctionalInterface
public interface Launch {
  void run();
}
