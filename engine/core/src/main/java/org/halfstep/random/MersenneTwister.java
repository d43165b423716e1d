package org.halfstep.random;

/**
 * MT19937 of Matsumoto and Nishimura (1998), seeded as by its {@code init_genrand}: the generator
 * behind PyTorch's on the CPU and NumPy's {@code RandomState}.
 */
final class MersenneTwister {
  private static final int SIZE = 624;
  private static final int MIDDLE = 397;
  private static final int MATRIX = 0x9908b0df;
  private static final int UPPER = 0x80000000;

  private final int[] state = new int[SIZE];
  private int next = SIZE;

  /**
   * @param seed its low 32 bits count
   */
  MersenneTwister(long seed) {
    state[0] = (int) seed;
    for (int i = 1; i < SIZE; i++) {
      state[i] = 1812433253 * (state[i - 1] ^ state[i - 1] >>> 30) + i;
    }
  }

  /** 32 random bits. */
  int next32() {
    if (next == SIZE) {
      for (int i = 0; i < SIZE; i++) {
        int joined = state[i] & UPPER | state[(i + 1) % SIZE] & ~UPPER;
        state[i] = state[(i + MIDDLE) % SIZE] ^ joined >>> 1 ^ ((joined & 1) == 0 ? 0 : MATRIX);
      }
      next = 0;
    }
    int y = state[next++];
    y ^= y >>> 11;
    y ^= y << 7 & 0x9d2c5680;
    y ^= y << 15 & 0xefc60000;
    return y ^ y >>> 18;
  }
}
