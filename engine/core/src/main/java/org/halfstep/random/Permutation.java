package org.halfstep.random;

/**
 * A pseudo-random order of 0 .. size - 1 that is a function of (seed, epoch): the shuffle of one
 * pass over a dataset. Any position can be asked for at any time, so a resumed run needs to know
 * only the epoch and the position, and nothing of the size of the dataset is held in memory.
 *
 * <p>A Feistel network with Philox as round function permutes the smallest even number of bits that
 * holds the size; values outside the range are sent through again until they fall inside (cycle
 * walking), fewer than four times on average.
 */
public final class Permutation {
  private static final int ROUNDS = 6;

  private final long seed;
  private final long size;
  private final int halfBits;
  private final long halfMask;

  /**
   * @param seed seed of the run
   * @param epoch number of the pass over the data
   * @param size number of elements, at least 1
   * @throws IllegalArgumentException if the size is below 1
   */
  public Permutation(long seed, long epoch, long size) {
    if (size < 1) {
      throw new IllegalArgumentException("a permutation needs at least one element, got " + size);
    }
    this.seed = Philox.childSeed(seed, epoch);
    this.size = size;
    int bits = Long.SIZE - Long.numberOfLeadingZeros(size - 1);
    this.halfBits = Math.max(1, (bits + 1) / 2);
    this.halfMask = (1L << halfBits) - 1;
  }

  /** Number of elements. */
  public long size() {
    return size;
  }

  /**
   * The element at a position.
   *
   * @param position 0 .. size - 1
   * @throws IndexOutOfBoundsException if the position is outside
   */
  public long at(long position) {
    if (position < 0 || position >= size) {
      throw new IndexOutOfBoundsException("position " + position + " is outside 0.." + (size - 1));
    }
    long value = position;
    do {
      value = scramble(value);
    } while (value >= size);
    return value;
  }

  private long scramble(long value) {
    long left = value >>> halfBits;
    long right = value & halfMask;
    for (int round = 0; round < ROUNDS; round++) {
      long next = left ^ (Philox.pair(seed, right, round, 0) & halfMask);
      left = right;
      right = next;
    }
    return left << halfBits | right;
  }
}
