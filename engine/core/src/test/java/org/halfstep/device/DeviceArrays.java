package org.halfstep.device;

import java.lang.foreign.MemorySegment;

/** Floats on a device as arrays. */
public final class DeviceArrays {
  private DeviceArrays() {}

  /** A copy of {@code count} floats. */
  public static float[] read(Device device, long address, int count) {
    float[] values = new float[count];
    device.download(address, MemorySegment.ofArray(values), (long) Float.BYTES * count);
    return values;
  }

  /** Overwrites floats. */
  public static void write(Device device, long address, float... values) {
    device.upload(MemorySegment.ofArray(values), address, (long) Float.BYTES * values.length);
  }

  /** Overwrites whole numbers. */
  public static void writeInts(Device device, long address, int... values) {
    device.upload(MemorySegment.ofArray(values), address, (long) Integer.BYTES * values.length);
  }
}
