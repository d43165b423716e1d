package org.halfstep.cli.option;

import java.util.function.UnaryOperator;
import org.halfstep.cli.console.InputException;
import org.halfstep.diffusion.Solver;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.sample.Condition;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.NoiseSource;
import org.halfstep.sample.SampleRequest;
import picocli.CommandLine.Option;

/** How images are sampled, whatever is done with them. */
public final class SamplerOptions {
  @Option(
      names = "--steps",
      paramLabel = "N",
      description =
          "Sampler steps (default: those a student was distilled for; for others 256, or 50 of a"
              + " latent model).")
  private Integer steps;

  @Option(
      names = "--sampler",
      paramLabel = "KIND",
      description =
          "ddim, pndm, dpm_solver, heun, euler, euler_ancestral, ancestral, stochastic or consistency"
              + " (default: a student's own, or what a latent model's files name, else ddim).")
  private Solver sampler;

  @Option(
      names = "--spacing",
      paramLabel = "KIND",
      description =
          "At which times steps are made: uniform, leading, trailing, linspace, karras or"
              + " consistency (default: what the model's files say of the sampler).")
  private TimeGrid.Spacing spacing;

  @Option(
      names = "--end",
      paramLabel = "KIND",
      description =
          "Where the last step leads: clean, to the image itself, or first_level, to the little"
              + " noise of the schedule's first level, which other programs call sigma_min"
              + " (default: what the model's files say of the sampler).")
  private TimeGrid.End end;

  @Option(
      names = "--noise",
      paramLabel = "SOURCE",
      description =
          "Whose random numbers: own, torch, torch_gpu, numpy, or numpy_torch (NumPy's to begin"
              + " with, PyTorch's behind). With another program's, image K of seed S is the one"
              + " that it makes alone from seed S + K (default: own).")
  private NoiseSource noise;

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
    return steps != null
        || sampler != null
        || clip
        || spacing != null
        || end != null
        || noise != null;
  }

  /**
   * A request for images of these classes.
   *
   * @param guidance strength w; null for the model's usual one
   * @throws InputException when the model does not take it
   */
  public SampleRequest request(DiffusionModel model, int[] labels, Double guidance) {
    return request(model, Condition.labels(labels), guidance, UnaryOperator.identity());
  }

  /**
   * A request for images.
   *
   * @param guidance strength w; null for the model's usual one
   * @param change what else is asked for
   * @throws InputException when the model does not take it
   */
  public SampleRequest request(
      DiffusionModel model,
      Condition condition,
      Double guidance,
      UnaryOperator<SampleRequest> change) {
    if (steps != null) {
      Bounds.whole("--steps", steps, 1, SampleRequest.MOST_STEPS);
    }
    try {
      SampleRequest request = change.apply(model.request(condition).withSeed(seed));
      request = clip ? request.withClip(true) : request;
      request = steps == null ? request : request.withSteps(steps);
      request = guidance == null ? request : request.withGuidance(guidance);
      request = sampler == null ? request : request.withSampler(sampler);
      request = spacing == null ? request : request.withSpacing(spacing);
      request = end == null ? request : request.withEnd(end);
      request = noise == null ? request : request.withNoise(noise);
      model.requireSupported(request);
      return request;
    } catch (IllegalArgumentException refused) {
      throw new InputException(refused.getMessage(), refused);
    }
  }
}
