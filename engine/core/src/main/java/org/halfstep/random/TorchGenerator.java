package org.halfstep.random;

/**
 * The numbers that PyTorch draws from a seed, for pictures that should be the ones that a program
 * of PyTorch makes. On the CPU they come in the order of the calls; on a GPU each call has numbers
 * of its own. Values agree to the last bits of float32, since PyTorch computes logarithms and
 * cosines in float32.
 *
 * <p>Not for use by several threads at once.
 */
public final class TorchGenerator {
  private static final int BLOCK = 16;
  private static final int HALF = BLOCK / 2;
  private static final int MANTISSA = 0xffffff;
  private static final float UNIT = 0x1p-24f;

  private final MersenneTwister bits;

  /** {@code torch.Generator().manual_seed(seed)}. */
  public TorchGenerator(long seed) {
    bits = new MersenneTwister(seed);
  }

  /**
   * {@code torch.randn} into a float32 tensor on the CPU, row by row: a batch is one tensor.
   * Sixteen at a time: all are uniform first, then the first eight are the radii and the others the
   * angles; if some are left over, the last sixteen are drawn anew.
   *
   * @throws IllegalArgumentException for fewer than 16 numbers, which PyTorch draws in another way
   */
  public void normal(float[] values) {
    if (values.length < BLOCK) {
      throw new IllegalArgumentException(
          "PyTorch draws "
              + values.length
              + " numbers in another way; expected a tensor of at least "
              + BLOCK);
    }
    for (int i = 0; i < values.length; i++) {
      values[i] = uniform();
    }
    for (int start = 0; start + BLOCK <= values.length; start += BLOCK) {
      transform(values, start);
    }
    if (values.length % BLOCK != 0) {
      int start = values.length - BLOCK;
      for (int i = 0; i < BLOCK; i++) {
        values[start + i] = uniform();
      }
      transform(values, start);
    }
  }

  private float uniform() {
    return (bits.next32() & MANTISSA) * UNIT;
  }

  private static void transform(float[] values, int start) {
    for (int i = start; i < start + HALF; i++) {
      double radius = Math.sqrt(-2 * Math.log(1 - values[i]));
      double angle = 2 * Math.PI * values[i + HALF];
      values[i] = (float) (radius * Math.cos(angle));
      values[i + HALF] = (float) (radius * Math.sin(angle));
    }
  }

  /**
   * {@code torch.randn} into a float32 tensor on a GPU.
   *
   * @param call how many tensors were drawn from the seed before, as long as each is drawn by one
   *     kernel without a second round (below some hundred thousand numbers)
   */
  public static void normalOnGpu(long seed, int call, float[] values) {
    for (int i = 0; i < values.length; i++) {
      // Its Philox is ours; of four words per number it takes the first two, and the sine.
      values[i] = (float) Philox.normal(seed, i, 0, 4L * call + 1);
    }
  }
}
