package org.halfstep.cli.option;

import org.halfstep.cli.console.InputException;
import org.halfstep.diffusion.Solver;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.SampleRequest;
import picocli.CommandLine.Option;

/** How images are sampled, whatever becomes of them. */
public final class SamplerOptions {
  @Option(
      names = "--steps",
      paramLabel = "N",
      description = "Sampler steps (default: those a student was distilled for, 256 for others).")
  private Integer steps;

  @Option(
      names = "--sampler",
      paramLabel = "KIND",
      description =
          "ddim, dpm_solver, ancestral, stochastic or consistency (default: ddim, or a student's"
              + " own).")
  private Solver sampler;

  @Option(
      names = "--clamp",
      description = "Clamp predicted images to their range before each step.")
  private boolean clip;

  @Option(
      names = "--seed",
      paramLabel = "S",
      defaultValue = "0",
      description = "Seed of the noise; image K of a seed is always the same one (default: 0).")
  private long seed;

  /** The seed that was asked for, or 0. */
  public long seed() {
    return seed;
  }

  /** Whether anything but a seed was given. */
  public boolean isGiven() {
    return steps != null || sampler != null || clip;
  }

  /**
   * A request for images of these classes.
   *
   * @param guidance strength w; null for the model's usual one
   * @throws InputException when the model does not take it
   */
  public SampleRequest request(DiffusionModel model, int[] labels, Double guidance) {
    if (steps != null) {
      Bounds.whole("--steps", steps, 1, SampleRequest.MOST_STEPS);
    }
    try {
      SampleRequest request = model.request(labels).withSeed(seed).withClip(clip);
      request = steps == null ? request : request.withSteps(steps);
      request = guidance == null ? request : request.withGuidance(guidance);
      request = sampler == null ? request : request.withSampler(sampler);
      model.requireSupported(request);
      return request;
    } catch (IllegalArgumentException refused) {
      throw new InputException(refused.getMessage(), refused);
    }
  }
}
