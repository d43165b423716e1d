package org.halfstep.train;

/**
 * Where a run stands. Stage and phase are stored, never worked out from counts of updates.
 *
 * @param phase which phase: teacher, guided, halving
 * @param stage index of the halving stage; 0 elsewhere
 * @param update updates done in the phase and stage
 * @param optimizerUpdates of them, those that changed the weights
 * @param fingerprint of the settings that the run was started with
 * @param device what it ran on, with all that decides how sums are rounded ({@link
 *     org.halfstep.device.Device#arithmetic}); null if not known
 * @param teacher SHA-256 of the file of the teacher that the phase and stage learn from, where that
 *     is one of the run's own; else null
 * @param model SHA-256 of the model file that the phase and stage ended with; null before its end
 * @param enough whether that was before its last update, since its stop rule was met; null if not
 */
public record Progress(
    String phase,
    int stage,
    long update,
    long optimizerUpdates,
    String fingerprint,
    String device,
    String teacher,
    String model,
    Boolean enough) {
  public Progress {
    if (phase == null || fingerprint == null) {
      throw new IllegalArgumentException("progress needs a phase and a fingerprint");
    }
    if (stage < 0 || update < 0 || optimizerUpdates < 0 || optimizerUpdates > update) {
      throw new IllegalArgumentException(
          "progress cannot be stage "
              + stage
              + ", update "
              + update
              + ", "
              + optimizerUpdates
              + " of them made");
    }
  }

  /** Whether its phase ended by its stop rule. */
  boolean isEnough() {
    return enough != null && enough;
  }

  /** Whether it lies in this phase and stage. */
  boolean isIn(String thatPhase, int thatStage) {
    return phase.equals(thatPhase) && stage == thatStage;
  }
}
