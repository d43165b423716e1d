package org.halfstep.model;

import org.halfstep.graph.Value;

/** What every network of a diffusion model reads and writes, whatever else it is told. */
public interface DiffusionPorts extends Ports {
  /** Noised images or latents, float32. */
  Value x();

  /**
   * One float per sample, in the units of {@link org.halfstep.diffusion.NoiseSchedule#timeInput}.
   */
  Value time();
}
