package org.halfstep.sample;

import java.util.function.Consumer;
import org.halfstep.diffusion.Solver;
import org.halfstep.diffusion.TimeGrid;

/**
 * What to sample. Image k of a request is keyed by (seed, firstImage + k), so it is the same image
 * in any batch and in any request.
 *
 * @param condition what each image shows
 * @param seed of the noise
 * @param guidance guidance strength w, 0 to {@value #MOST_GUIDANCE}, in the form (1 + w) cond - w
 *     uncond; 0 for none
 * @param steps sampler steps, 1 to {@value #MOST_STEPS}
 * @param sampler how steps are made
 * @param spacing at which times they are made; null for what the model's file says of this sampler
 * @param end where the last step leads; null for what the model's file says of this sampler
 * @param clip whether predicted images are clipped to [-1, 1] before each step is formed
 * @param firstImage number of the first image
 * @param noise whose random numbers noise is made of
 * @param height rows of an image in pixels; 0 for the model's own
 * @param width columns of an image in pixels; 0 for the model's own
 * @param edit the picture that is edited; null to begin with noise
 */
public record SampleRequest(
    Condition condition,
    long seed,
    double guidance,
    int steps,
    Solver sampler,
    TimeGrid.Spacing spacing,
    TimeGrid.End end,
    boolean clip,
    long firstImage,
    NoiseSource noise,
    int height,
    int width,
    Edit edit) {
  /** Most sampler steps. */
  public static final int MOST_STEPS = 100_000;

  /** Strongest guidance: far beyond what makes an image, and far from numbers that overflow. */
  public static final double MOST_GUIDANCE = 1000;

  /** Largest side of an image in pixels. */
  public static final int MOST_SIDE = 16_384;

  public SampleRequest {
    if (condition == null || sampler == null || noise == null) {
      throw new IllegalArgumentException("a request needs a condition, a sampler and its noise");
    }
    if (!(guidance >= 0 && guidance <= MOST_GUIDANCE)) {
      throw new IllegalArgumentException(
          "guidance w must be from 0 to " + MOST_GUIDANCE + ", got " + guidance);
    }
    if (steps < 1 || steps > MOST_STEPS) {
      throw new IllegalArgumentException(
          "a sampler takes from 1 to " + MOST_STEPS + " steps, got " + steps);
    }
    if (firstImage < 0 || firstImage > Long.MAX_VALUE - condition.count()) {
      throw new IllegalArgumentException(
          "image numbers run from 0 to " + Long.MAX_VALUE + ", got a first one of " + firstImage);
    }
    if (height < 0 || height > MOST_SIDE || width < 0 || width > MOST_SIDE) {
      throw new IllegalArgumentException(
          "an image has from 1 to " + MOST_SIDE + " pixels a side, got " + width + "x" + height);
    }
    if (edit != null) {
      if (edit.image().count() != 1 && edit.image().count() != condition.count()) {
        throw new IllegalArgumentException(
            condition.count()
                + " images begin with one picture or one each, got "
                + edit.image().count());
      }
      if (edit.source() != null && edit.source().count() != condition.count()) {
        throw new IllegalArgumentException(
            "each of "
                + condition.count()
                + " images shows something now, got "
                + edit.source().count()
                + " of it");
      }
      height = edit.image().height();
      width = edit.image().width();
    }
  }

  /** Deterministic sampling of images 0, 1, … of a seed. */
  public static SampleRequest of(Condition condition, long seed, double guidance, int steps) {
    return new SampleRequest(
        condition,
        seed,
        guidance,
        steps,
        Solver.DDIM,
        null,
        null,
        false,
        0,
        NoiseSource.OWN,
        0,
        0,
        null);
  }

  /** Deterministic sampling of images 0, 1, … of a seed, a class for each. */
  public static SampleRequest of(int[] labels, long seed, double guidance, int steps) {
    return of(Condition.labels(labels), seed, guidance, steps);
  }

  /** The same for other images, in the same number or another. */
  public SampleRequest withCondition(Condition other) {
    return with(parts -> parts.condition = other);
  }

  /** The same with other noise. */
  public SampleRequest withSeed(long newSeed) {
    return with(parts -> parts.seed = newSeed);
  }

  /** The same with another guidance strength w. */
  public SampleRequest withGuidance(double w) {
    return with(parts -> parts.guidance = w);
  }

  /** The same with another number of steps. */
  public SampleRequest withSteps(int number) {
    return with(parts -> parts.steps = number);
  }

  /** The same with steps made another way. */
  public SampleRequest withSampler(Solver newSampler) {
    return with(parts -> parts.sampler = newSampler);
  }

  /** The same at other times; null for what the model's file says of the sampler. */
  public SampleRequest withSpacing(TimeGrid.Spacing newSpacing) {
    return with(parts -> parts.spacing = newSpacing);
  }

  /** The same with a last step that leads elsewhere; null for what the model's file says. */
  public SampleRequest withEnd(TimeGrid.End newEnd) {
    return with(parts -> parts.end = newEnd);
  }

  /** The same with or without clipping of predicted images. */
  public SampleRequest withClip(boolean newClip) {
    return with(parts -> parts.clip = newClip);
  }

  /** The same from another image number on. */
  public SampleRequest withFirstImage(long number) {
    return with(parts -> parts.firstImage = number);
  }

  /** The same with another program's random numbers. */
  public SampleRequest withNoise(NoiseSource source) {
    return with(parts -> parts.noise = source);
  }

  /** The same in another size, in pixels. */
  public SampleRequest withSize(int newHeight, int newWidth) {
    return with(
        parts -> {
          parts.height = newHeight;
          parts.width = newWidth;
        });
  }

  /** The same, starting from a picture, whose size it takes. */
  public SampleRequest withEdit(Edit newEdit) {
    return with(parts -> parts.edit = newEdit);
  }

  /**
   * Images {@code from} (inclusive) to {@code to} (exclusive) of this request, as they are in it.
   *
   * @throws IndexOutOfBoundsException if it has fewer
   */
  public SampleRequest slice(int from, int to) {
    return with(
        parts -> {
          parts.condition = condition.slice(from, to);
          parts.firstImage = firstImage + from;
          parts.edit = edit == null ? null : edit.slice(from, to);
        });
  }

  /** Number of images. */
  public int count() {
    return condition.count();
  }

  /**
   * The class of each image.
   *
   * @throws IllegalStateException when its images are not of classes
   */
  public int[] labels() {
    if (condition instanceof Condition.Labels classes) {
      return classes.labels();
    }
    throw new IllegalStateException("the images of this request have no labels");
  }

  private SampleRequest with(Consumer<Parts> change) {
    Parts parts = new Parts(this);
    change.accept(parts);
    return parts.whole();
  }

  /** What a request consists of, while some of it is exchanged. */
  private static final class Parts {
    private Condition condition;
    private long seed;
    private double guidance;
    private int steps;
    private Solver sampler;
    private TimeGrid.Spacing spacing;
    private TimeGrid.End end;
    private boolean clip;
    private long firstImage;
    private NoiseSource noise;
    private int height;
    private int width;
    private Edit edit;

    private Parts(SampleRequest request) {
      condition = request.condition;
      seed = request.seed;
      guidance = request.guidance;
      steps = request.steps;
      sampler = request.sampler;
      spacing = request.spacing;
      end = request.end;
      clip = request.clip;
      firstImage = request.firstImage;
      noise = request.noise;
      height = request.height;
      width = request.width;
      edit = request.edit;
    }

    private SampleRequest whole() {
      return new SampleRequest(
          condition,
          seed,
          guidance,
          steps,
          sampler,
          spacing,
          end,
          clip,
          firstImage,
          noise,
          height,
          width,
          edit);
    }
  }
}
