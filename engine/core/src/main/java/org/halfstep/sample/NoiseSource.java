package org.halfstep.sample;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;
import org.halfstep.random.NumpyGenerator;
import org.halfstep.random.TorchGenerator;

/**
 * Where noise comes from. Other programs' noise is for making the pictures that they make: image k
 * of seed s is the one that they make alone from seed s + k, its numbers drawn in their order
 * (channels outermost), draw after draw.
 */
public enum NoiseSource {
  /** Philox, keyed by seed, image and draw; drawn where it is used. */
  OWN,
  /** PyTorch's generator on the CPU. */
  TORCH,
  /** PyTorch's on a GPU. */
  TORCH_GPU,
  /** NumPy's {@code RandomState}. */
  NUMPY,
  /**
   * NumPy's for an image's first tensor, PyTorch's on the CPU for those behind it: what the tests
   * of diffusers draw, which hand a pipeline its first latents.
   */
  NUMPY_TORCH;

  /** What people type. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Draws tensors of one image after another, from one seed. */
  interface Draws {
    /**
     * The next tensor.
     *
     * @param values channels outermost
     */
    void next(float[] values);
  }

  /**
   * The generator of another program.
   *
   * @param seed of the image
   * @throws IllegalArgumentException when the program does not take this seed
   * @throws IllegalStateException for {@link #OWN}, which is keyed
   */
  Draws draws(long seed) {
    return switch (this) {
      case OWN -> throw new IllegalStateException("own noise is keyed, not drawn in order");
      case TORCH -> new TorchGenerator(seed)::normal;
      case TORCH_GPU ->
          new Draws() {
            private int calls;

            @Override
            public void next(float[] values) {
              TorchGenerator.normalOnGpu(seed, calls++, values);
            }
          };
      case NUMPY -> {
        NumpyGenerator generator = new NumpyGenerator(seed);
        yield values -> {
          double[] drawn = new double[values.length];
          generator.normal(drawn);
          for (int i = 0; i < drawn.length; i++) {
            values[i] = (float) drawn[i];
          }
        };
      }
      case NUMPY_TORCH ->
          new Draws() {
            private final Draws later = TORCH.draws(seed);
            private Draws first = NUMPY.draws(seed);

            @Override
            public void next(float[] values) {
              Draws now = first == null ? later : first;
              first = null;
              now.next(values);
            }
          };
    };
  }

  /**
   * Writes all draws of one image.
   *
   * @param skipped what is drawn from the seed beside them
   * @param draws how many are wanted
   * @param channels of the image; the values of a pixel lie together in {@code destination}
   * @param destination float32, draw after draw
   * @param offset bytes to the image's part of the first draw
   * @param stride bytes from one draw to the next
   */
  void write(
      long seed,
      ForeignDraws skipped,
      int draws,
      int values,
      int channels,
      MemorySegment destination,
      long offset,
      long stride) {
    Draws generator = draws(seed);
    float[] planes = new float[values];
    skip(generator, skipped.before(), planes);
    for (int draw = 0; draw < draws; draw++) {
      if (draw == 1) {
        skip(generator, skipped.between(), planes);
      }
      generator.next(planes);
      long start = (offset + draw * stride) / Float.BYTES;
      int pixels = values / channels;
      for (int i = 0; i < values; i++) {
        destination.setAtIndex(
            ValueLayout.JAVA_FLOAT, start + i, planes[i % channels * pixels + i / channels]);
      }
    }
  }

  /**
   * One tensor of an image.
   *
   * @param seed of the image
   * @param before tensors that are drawn from it before
   * @param channels of the image
   * @param destination takes it, the values of a pixel together
   */
  void write(long seed, int before, int channels, float[] destination) {
    Draws generator = draws(seed);
    float[] planes = new float[destination.length];
    skip(generator, before + 1, planes);
    int pixels = planes.length / channels;
    for (int i = 0; i < planes.length; i++) {
      destination[i] = planes[i % channels * pixels + i / channels];
    }
  }

  /** Draws tensors, of which the last is left in the array. */
  private static void skip(Draws generator, int tensors, float[] planes) {
    for (int draw = 0; draw < tensors; draw++) {
      generator.next(planes);
    }
  }
}
