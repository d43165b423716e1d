package org.halfstep.sample;

/**
 * What to sample. Image k of a request is keyed by (seed, firstImage + k), so it is the same image
 * in any batch and in any request.
 *
 * @param labels one class per image; for an unconditional network only the count matters
 * @param seed of the noise
 * @param guidance guidance strength w >= 0 in the form (1 + w) cond - w uncond; 0 for none
 * @param steps sampler steps
 * @param sampler how steps are made
 * @param clip whether predicted images are clipped to [-1, 1] before each step is formed
 * @param firstImage number of the first image
 */
public record SampleRequest(
    int[] labels,
    long seed,
    double guidance,
    int steps,
    SamplerKind sampler,
    boolean clip,
    long firstImage) {
  public SampleRequest {
    if (labels.length == 0) {
      throw new IllegalArgumentException("a request needs at least one label");
    }
    if (!(guidance >= 0) || Double.isInfinite(guidance)) {
      throw new IllegalArgumentException("guidance w must be at least 0, got " + guidance);
    }
    if (steps < 1) {
      throw new IllegalArgumentException("a sampler needs at least one step, got " + steps);
    }
    if (firstImage < 0) {
      throw new IllegalArgumentException("image numbers start at 0, got " + firstImage);
    }
  }

  /** Deterministic sampling of images 0, 1, … of a seed. */
  public static SampleRequest of(int[] labels, long seed, double guidance, int steps) {
    return new SampleRequest(labels, seed, guidance, steps, SamplerKind.DDIM, false, 0);
  }

  public SampleRequest withSampler(SamplerKind newSampler) {
    return new SampleRequest(labels, seed, guidance, steps, newSampler, clip, firstImage);
  }

  public SampleRequest withClip(boolean newClip) {
    return new SampleRequest(labels, seed, guidance, steps, sampler, newClip, firstImage);
  }

  public SampleRequest withFirstImage(long number) {
    return new SampleRequest(labels, seed, guidance, steps, sampler, clip, number);
  }

  /** Number of images. */
  public int count() {
    return labels.length;
  }
}
