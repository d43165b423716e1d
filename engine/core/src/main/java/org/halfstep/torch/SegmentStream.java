package org.halfstep.torch;

import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Mapped memory as a stream that knows where it is. */
final class SegmentStream extends InputStream {
  private final MemorySegment memory;
  private long position;

  SegmentStream(MemorySegment memory) {
    this.memory = memory;
  }

  long position() {
    return position;
  }

  long left() {
    return memory.byteSize() - position;
  }

  /** A byte ahead of the position, without moving; 0 beyond the end. */
  int peek(int ahead) {
    return ahead < left() ? memory.get(ValueLayout.JAVA_BYTE, position + ahead) & 0xff : 0;
  }

  @Override
  public int read() {
    return left() == 0 ? -1 : memory.get(ValueLayout.JAVA_BYTE, position++) & 0xff;
  }

  @Override
  public int read(byte[] bytes, int offset, int length) {
    if (length == 0) {
      return 0;
    }
    int count = (int) Math.min(length, left());
    if (count == 0) {
      return -1;
    }
    MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, position, bytes, offset, count);
    position += count;
    return count;
  }

  @Override
  public int available() {
    return (int) Math.min(left(), Integer.MAX_VALUE);
  }
}
