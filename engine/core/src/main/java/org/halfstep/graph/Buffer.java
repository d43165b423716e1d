package org.halfstep.graph;

/** A range of a plan's slab with a lifetime: from the first step that uses it to the last. */
final class Buffer {
  /** What cuBLASLt asks of its workspace; more than any other kernel or cache line needs. */
  static final long ALIGNMENT = 256;

  private final String name;
  private final long bytes;
  private int firstUse = Integer.MAX_VALUE;
  private int lastUse = -1;
  private long address;

  Buffer(String name, long bytes) {
    this.name = name;
    this.bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  void useAt(int step) {
    firstUse = Math.min(firstUse, step);
    lastUse = Math.max(lastUse, step);
  }

  int firstUse() {
    return firstUse;
  }

  int lastUse() {
    return lastUse;
  }

  boolean isUsed() {
    return lastUse >= 0;
  }

  boolean overlapsInTime(Buffer other) {
    return firstUse <= other.lastUse && other.firstUse <= lastUse;
  }

  String name() {
    return name;
  }

  long bytes() {
    return bytes;
  }

  void place(long address) {
    this.address = address;
  }

  /** Where it lies; known once the plan has placed its buffers. */
  long address() {
    if (address == 0) {
      throw new IllegalStateException("buffer " + name + " has not been placed");
    }
    return address;
  }
}
