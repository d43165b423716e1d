package org.halfstep.sample;

import java.util.Arrays;
import java.util.Objects;
import org.halfstep.diffusion.Solver;

/**
 * What to sample. Image k of a request is keyed by (seed, firstImage + k), so it is the same image
 * in any batch and in any request.
 *
 * @param labels one class per image; for an unconditional network only the count matters
 * @param seed of the noise
 * @param guidance guidance strength w, 0 to {@value #MOST_GUIDANCE}, in the form (1 + w) cond - w
 *     uncond; 0 for none
 * @param steps sampler steps, 1 to {@value #MOST_STEPS}
 * @param sampler how steps are made
 * @param clip whether predicted images are clipped to [-1, 1] before each step is formed
 * @param firstImage number of the first image
 */
public record SampleRequest(
    int[] labels,
    long seed,
    double guidance,
    int steps,
    Solver sampler,
    boolean clip,
    long firstImage) {
  /** Most sampler steps. */
  public static final int MOST_STEPS = 100_000;

  /** Strongest guidance: far beyond what makes an image, and far from numbers that overflow. */
  public static final double MOST_GUIDANCE = 1000;

  public SampleRequest {
    if (labels.length == 0) {
      throw new IllegalArgumentException("a request needs at least one label");
    }
    if (!(guidance >= 0 && guidance <= MOST_GUIDANCE)) {
      throw new IllegalArgumentException(
          "guidance w must be from 0 to " + MOST_GUIDANCE + ", got " + guidance);
    }
    if (steps < 1 || steps > MOST_STEPS) {
      throw new IllegalArgumentException(
          "a sampler takes from 1 to " + MOST_STEPS + " steps, got " + steps);
    }
    if (firstImage < 0 || firstImage > Long.MAX_VALUE - labels.length) {
      throw new IllegalArgumentException(
          "image numbers run from 0 to " + Long.MAX_VALUE + ", got a first one of " + firstImage);
    }
  }

  /** Deterministic sampling of images 0, 1, … of a seed. */
  public static SampleRequest of(int[] labels, long seed, double guidance, int steps) {
    return new SampleRequest(labels, seed, guidance, steps, Solver.DDIM, false, 0);
  }

  /** The same with other noise. */
  public SampleRequest withSeed(long newSeed) {
    return new SampleRequest(labels, newSeed, guidance, steps, sampler, clip, firstImage);
  }

  /** The same with another guidance strength w. */
  public SampleRequest withGuidance(double w) {
    return new SampleRequest(labels, seed, w, steps, sampler, clip, firstImage);
  }

  /** The same with another number of steps. */
  public SampleRequest withSteps(int number) {
    return new SampleRequest(labels, seed, guidance, number, sampler, clip, firstImage);
  }

  /** The same with steps made another way. */
  public SampleRequest withSampler(Solver newSampler) {
    return new SampleRequest(labels, seed, guidance, steps, newSampler, clip, firstImage);
  }

  /** The same with or without clipping of predicted images. */
  public SampleRequest withClip(boolean newClip) {
    return new SampleRequest(labels, seed, guidance, steps, sampler, newClip, firstImage);
  }

  /** The same from another image number on. */
  public SampleRequest withFirstImage(long number) {
    return new SampleRequest(labels, seed, guidance, steps, sampler, clip, number);
  }

  /**
   * Images {@code from} (inclusive) to {@code to} (exclusive) of this request, as they are in it.
   *
   * @throws IndexOutOfBoundsException if it has not so many
   */
  public SampleRequest slice(int from, int to) {
    Objects.checkFromToIndex(from, to, labels.length);
    return new SampleRequest(
        Arrays.copyOfRange(labels, from, to),
        seed,
        guidance,
        steps,
        sampler,
        clip,
        firstImage + from);
  }

  /** Number of images. */
  public int count() {
    return labels.length;
  }
}
