package org.halfstep.safetensors;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Conversion between float32 and bfloat16, the upper half of a float32. */
public final class Bfloat16 {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final int ROUNDING_BIAS = 0x7fff;
  private static final int QUIET_BIT = 0x0040;

  private Bfloat16() {}

  /** The nearest bfloat16, ties to even; overflow becomes infinity, a NaN stays a (quiet) NaN. */
  public static short fromFloat(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      // Rounding could carry a NaN whose payload lies in the lower half into an infinity.
      return (short) ((bits >>> 16) | QUIET_BIT);
    }
    int lowestKeptBit = (bits >>> 16) & 1;
    return (short) ((bits + ROUNDING_BIAS + lowestKeptBit) >>> 16);
  }

  /** The float32 with the same value; exact. */
  public static float toFloat(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /**
   * Rounds a run of float32 values to bfloat16.
   *
   * @param source float32 values, 4 bytes each
   * @param destination bfloat16 values, 2 bytes each, at least as many
   */
  public static void round(MemorySegment source, MemorySegment destination) {
    long count = source.byteSize() / Float.BYTES;
    if (source.byteSize() % Float.BYTES != 0 || destination.byteSize() < count * Short.BYTES) {
      throw new IllegalArgumentException(
          "cannot round "
              + source.byteSize()
              + " bytes of float32 into "
              + destination.byteSize()
              + " bytes of bfloat16");
    }
    for (long i = 0; i < count; i++) {
      destination.set(SHORT, i * Short.BYTES, fromFloat(source.get(FLOAT, i * Float.BYTES)));
    }
  }
}
