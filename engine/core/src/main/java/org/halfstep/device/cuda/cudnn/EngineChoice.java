package org.halfstep.device.cuda.cudnn;

/** How an engine of cuDNN is chosen among those that may be used. */
enum EngineChoice {
  /** The first of cuDNN's own ranking that can be made. */
  FIRST,
  /** The fastest of the first few, which are run on the GPU. */
  TIMED;

  /** System property: "timed" or "first"; first when it is not set. */
  static final String PROPERTY = "halfstep.engines";

  /**
   * What {@link #PROPERTY} says. Times differ from run to run, and with them the engine and its
   * bits, so nothing is timed where results must not change.
   *
   * @param deterministic whether the same input must give the same bits in every run
   * @throws IllegalArgumentException if the property names no choice
   */
  static EngineChoice of(boolean deterministic) {
    String text = System.getProperty(PROPERTY, "first");
    EngineChoice wanted =
        switch (text.strip()) {
          case "first" -> FIRST;
          case "timed" -> TIMED;
          default ->
              throw new IllegalArgumentException(
                  "system property " + PROPERTY + " is timed or first, not: " + text);
        };
    return deterministic ? FIRST : wanted;
  }
}
