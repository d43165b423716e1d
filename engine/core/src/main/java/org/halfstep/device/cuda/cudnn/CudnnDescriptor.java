package org.halfstep.device.cuda.cudnn;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.bindings.Cudnn;

/** One descriptor of cuDNN's graph API: attributes are set, then it is finished and only read. */
final class CudnnDescriptor implements AutoCloseable {
  private final MemorySegment handle;
  private boolean closed;

  private CudnnDescriptor(MemorySegment handle) {
    this.handle = handle;
  }

  /**
   * An empty descriptor.
   *
   * @param kind one of {@code CUDNN_BACKEND_..._DESCRIPTOR}
   */
  static CudnnDescriptor of(int kind) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
      Cudnn.cudnnBackendCreateDescriptor(kind, out);
      return new CudnnDescriptor(out.get(ValueLayout.ADDRESS, 0));
    }
  }

  MemorySegment handle() {
    return handle;
  }

  CudnnDescriptor set(int attribute, long... values) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment array = arena.allocateFrom(ValueLayout.JAVA_LONG, values);
      return set(attribute, Cudnn.CUDNN_TYPE_INT64, values.length, array);
    }
  }

  /**
   * An enumerator.
   *
   * @param type its {@code CUDNN_TYPE_...}
   */
  CudnnDescriptor setEnum(int attribute, int type, int value) {
    try (Arena arena = Arena.ofConfined()) {
      return set(attribute, type, 1, arena.allocateFrom(ValueLayout.JAVA_INT, value));
    }
  }

  CudnnDescriptor setFloat(int attribute, float value) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment array = arena.allocateFrom(ValueLayout.JAVA_FLOAT, value);
      return set(attribute, Cudnn.CUDNN_TYPE_FLOAT, 1, array);
    }
  }

  CudnnDescriptor setBoolean(int attribute, boolean value) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment array = arena.allocateFrom(ValueLayout.JAVA_BYTE, (byte) (value ? 1 : 0));
      return set(attribute, Cudnn.CUDNN_TYPE_BOOLEAN, 1, array);
    }
  }

  /** Pointers: of {@code CUDNN_TYPE_HANDLE} or {@code CUDNN_TYPE_VOID_PTR}. */
  CudnnDescriptor setPointers(int attribute, int type, long... addresses) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment array = arena.allocateFrom(ValueLayout.JAVA_LONG, addresses);
      return set(attribute, type, addresses.length, array);
    }
  }

  CudnnDescriptor set(int attribute, CudnnDescriptor... others) {
    long[] addresses = new long[others.length];
    for (int i = 0; i < others.length; i++) {
      addresses[i] = others[i].handle.address();
    }
    return setPointers(attribute, Cudnn.CUDNN_TYPE_BACKEND_DESCRIPTOR, addresses);
  }

  /** A text; cuDNN counts its terminating zero. */
  CudnnDescriptor setText(int attribute, String text) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment array = arena.allocateFrom(text);
      return set(attribute, Cudnn.CUDNN_TYPE_CHAR, array.byteSize(), array);
    }
  }

  private CudnnDescriptor set(int attribute, int type, long count, MemorySegment array) {
    Cudnn.cudnnBackendSetAttribute(handle, attribute, type, count, array);
    return this;
  }

  /**
   * Checks the attributes; from here on they are only read.
   *
   * @throws org.halfstep.bindings.CudnnException if they do not fit, or are not supported
   */
  CudnnDescriptor finish() {
    Cudnn.cudnnBackendFinalize(handle);
    return this;
  }

  long getLong(int attribute) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(ValueLayout.JAVA_LONG);
      get(attribute, Cudnn.CUDNN_TYPE_INT64, 1, value);
      return value.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  /** At most {@code most} enumerators. */
  int[] getEnums(int attribute, int type, int most) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values = arena.allocate(ValueLayout.JAVA_INT, most);
      long count = get(attribute, type, most, values);
      return values.asSlice(0, 4 * Math.min(count, most)).toArray(ValueLayout.JAVA_INT);
    }
  }

  String getText(int attribute) {
    try (Arena arena = Arena.ofConfined()) {
      long length = get(attribute, Cudnn.CUDNN_TYPE_CHAR, 0, MemorySegment.NULL);
      MemorySegment text = arena.allocate(length + 1);
      get(attribute, Cudnn.CUDNN_TYPE_CHAR, length, text);
      return text.getString(0, StandardCharsets.UTF_8);
    }
  }

  /** Copies of the descriptors that this one holds, each closed by the caller. */
  List<CudnnDescriptor> getDescriptors(int attribute, int kind) {
    int type = Cudnn.CUDNN_TYPE_BACKEND_DESCRIPTOR;
    int count = Math.toIntExact(get(attribute, type, 0, MemorySegment.NULL));
    return getDescriptors(attribute, kind, count);
  }

  /** The same where cuDNN does not say how many there are; at most {@code most}. */
  List<CudnnDescriptor> getDescriptors(int attribute, int kind, int most) {
    int type = Cudnn.CUDNN_TYPE_BACKEND_DESCRIPTOR;
    List<CudnnDescriptor> found = new ArrayList<>(most);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment array = arena.allocate(ValueLayout.JAVA_LONG, Math.max(most, 1));
      for (int i = 0; i < most; i++) {
        found.add(of(kind));
        array.setAtIndex(ValueLayout.JAVA_LONG, i, found.get(i).handle.address());
      }
      int filled = most == 0 ? 0 : Math.toIntExact(get(attribute, type, most, array));
      while (found.size() > filled) {
        found.removeLast().close();
      }
      return found;
    } catch (RuntimeException refused) {
      found.forEach(CudnnDescriptor::close);
      throw refused;
    }
  }

  /** The number of elements that cuDNN has. */
  private long get(int attribute, int type, long room, MemorySegment array) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment count = arena.allocate(ValueLayout.JAVA_LONG);
      Cudnn.cudnnBackendGetAttribute(handle, attribute, type, room, count, array);
      return count.get(ValueLayout.JAVA_LONG, 0);
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      Cudnn.cudnnBackendDestroyDescriptor(handle);
    }
  }
}
