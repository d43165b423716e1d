package org.halfstep.sample;

import org.halfstep.diffusion.SamplingStep;
import org.halfstep.diffusion.Solver;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.model.ModelCard;

/**
 * What a latent model is asked for: requests as it is best used, which of them it takes, and what
 * they cost.
 *
 * @param components of the model
 */
record LatentRequests(LatentComponents components) {
  private static final int DEFAULT_STEPS = 50;
  private static final int DEFAULT_CONSISTENCY_STEPS = 4;

  /** What Stable Diffusion's programs take: a guidance scale of 7.5. */
  private static final double DEFAULT_GUIDANCE = 6.5;

  /** What the class-conditional networks of latent diffusion are sampled with. */
  private static final double DEFAULT_CLASS_GUIDANCE = 2;

  /** Rows of a request's images. */
  int height(SampleRequest request) {
    return request.height() == 0 ? components.usualSide() : request.height();
  }

  /** Columns of a request's images. */
  int width(SampleRequest request) {
    return request.width() == 0 ? components.usualSide() : request.width();
  }

  /** Whether the network was made to paint a part of a picture. */
  boolean isInpainting() {
    return components.unet().inChannels() > components.unet().outChannels();
  }

  /** A request as the model is best used. */
  SampleRequest request(Condition condition) {
    ModelCard card = components.card();
    boolean isStudent = card.hasOwnSteps();
    Solver solver = isStudent ? card.solver() : components.sampling().solver();
    int steps = solver == Solver.CONSISTENCY ? DEFAULT_CONSISTENCY_STEPS : DEFAULT_STEPS;
    double guidance = components.isOfTexts() ? DEFAULT_GUIDANCE : DEFAULT_CLASS_GUIDANCE;
    if (card.takesGuidance()) {
      guidance = Math.clamp(guidance, card.guidanceMin(), card.guidanceMax());
    }
    return SampleRequest.of(condition, 0, guidance, isStudent ? card.steps() : steps)
        .withSampler(solver);
  }

  /** Fails for a request that the model does not take, in one line. */
  void requireSupported(SampleRequest request) {
    requireSize("height", height(request));
    requireSize("width", width(request));
    LatentConditions.require(components.unet(), request);
    Sampler.requireSteps(components.card(), request);
    if (request.edit() != null
        && components.autoencoder().imageChannels() != request.edit().image().channels()) {
      throw new IllegalArgumentException(
          "this model makes images of "
              + components.autoencoder().imageChannels()
              + " channels and edits no others");
    }
    grid(request);
    if (request.edit() != null && request.edit().source() != null) {
      requireInvertible(inverse(request));
    }
  }

  private TimeGrid grid(SampleRequest request) {
    return components.sampling().grid(request.sampler(), request.spacing(), request.end());
  }

  private void requireInvertible(SampleRequest request) {
    Sampler.requireInvertible(components.card(), request);
    LatentConditions.require(components.unet(), request);
  }

  /** Fails where pictures cannot be taken to noise as a request asks, in one line. */
  void requireEncodable(SampleRequest request) {
    requireSize("height", height(request));
    requireSize("width", width(request));
    if (isInpainting()) {
      throw new IllegalArgumentException(
          "a model that was made for inpainting takes no picture to noise: use an ordinary one");
    }
    grid(request);
    requireInvertible(request);
  }

  private void requireSize(String what, int pixels) {
    int factor = components.factor();
    if (pixels % factor != 0) {
      throw new IllegalArgumentException(
          "the "
              + what
              + " of an image must be a multiple of "
              + factor
              + " pixels, got "
              + pixels
              + ": use "
              + Math.max(factor, Math.round((double) pixels / factor) * factor));
    }
  }

  /** Evaluations of the network per image. */
  long evaluations(SampleRequest request) {
    int steps = request.sampler().evaluations(Sampler.steps(components.card(), request));
    return (long) steps * Denoiser.branches(components.card(), request) + inverseSteps(request);
  }

  /** How often the network is run for images that are made together, on all of its branches. */
  int runs(SampleRequest request) {
    return request.sampler().evaluations(Sampler.steps(components.card(), request))
        + inverseSteps(request);
  }

  /** Steps back to the noise of a picture. */
  private int inverseSteps(SampleRequest request) {
    boolean inverts = request.edit() != null && request.edit().source() != null;
    return inverts ? Sampler.steps(components.card(), request) : 0;
  }

  /** Where the steps of a request begin. */
  Beginning beginning(SampleRequest request) {
    TimeGrid grid = grid(request);
    SamplingStep first = Sampler.path(components.card(), grid, request).steps().getFirst();
    boolean isNoise =
        request.edit() == null
            || request.edit().source() == null
                && Sampler.startsFromNoise(components.card(), request);
    return new Beginning(
        Sampler.steps(components.card(), request),
        request.steps(),
        first.timeInput(),
        isNoise ? 1 : first.sigma());
  }

  /** What is asked for on the way back: what a picture shows now, without guidance. */
  static SampleRequest inverse(SampleRequest request) {
    return request.withCondition(request.edit().source()).withGuidance(0);
  }
}
