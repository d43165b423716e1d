package org.halfstep.train;

/**
 * Where a run stands. Stage and phase are stored, never worked out from counts of updates.
 *
 * @param phase which phase: teacher, guided, halving
 * @param stage index of the halving stage; 0 elsewhere
 * @param update updates done in the phase and stage
 * @param optimizerUpdates of them, those that changed the weights
 * @param fingerprint of the settings that the run was started with
 */
public record Progress(
    String phase, int stage, long update, long optimizerUpdates, String fingerprint) {}
