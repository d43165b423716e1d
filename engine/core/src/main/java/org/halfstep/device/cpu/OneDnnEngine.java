package org.halfstep.device.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.halfstep.bindings.NativeLibrary;
import org.halfstep.bindings.OneDnn;
import org.halfstep.bindings.OneDnnAttributes;
import org.halfstep.bindings.OneDnnMemory;

/**
 * oneDNN on the CPU: one engine, one stream, and the primitives in use, each shared by everything
 * of the same shape. Creation is thread-safe; running is whatever {@link
 * org.halfstep.device.Launch} promises.
 */
public final class OneDnnEngine implements AutoCloseable {
  private final MemorySegment engine;
  private final MemorySegment stream;
  private final MemorySegment attributes;
  private final InstructionSet instructions;
  private final Map<Object, OneDnnPrimitive> primitives = new HashMap<>();
  private long memories;
  private boolean closed;

  /**
   * @throws org.halfstep.bindings.NativeLibraryException if oneDNN cannot be loaded
   */
  public OneDnnEngine() {
    this(InstructionSet.effective());
  }

  /**
   * @param instructions what to take the processor for: for tests
   */
  OneDnnEngine(InstructionSet instructions) {
    this.instructions = instructions;
    engine = create(out -> OneDnn.dnnl_engine_create(out, OneDnn.dnnl_cpu, 0));
    stream = create(out -> OneDnn.dnnl_stream_create(out, engine, OneDnn.dnnl_stream_in_order));
    attributes = create(OneDnnAttributes::dnnl_primitive_attr_create);
    OneDnnAttributes.dnnl_primitive_attr_set_scratchpad_mode(
        attributes, OneDnn.dnnl_scratchpad_mode_user);
  }

  /** The library's version, as in {@code 3.13.0}. */
  public static String version() {
    NativeLibrary.ONEDNN.load();
    MemorySegment version = OneDnn.dnnl_version();
    return version.get(ValueLayout.JAVA_INT, 0)
        + "."
        + version.get(ValueLayout.JAVA_INT, 4)
        + "."
        + version.get(ValueLayout.JAVA_INT, 8);
  }

  /** oneDNN objects (primitives and memories) that somebody still holds; 0 when all is closed. */
  public synchronized long liveObjects() {
    return primitives.size() + memories;
  }

  InstructionSet instructions() {
    return instructions;
  }

  MemorySegment handle() {
    return engine;
  }

  MemorySegment stream() {
    return stream;
  }

  /** Attributes with a scratchpad owned by the caller, and nothing else. */
  MemorySegment attributes() {
    return attributes;
  }

  /** The primitive for {@code key}, made from {@code descriptor} when it is not there yet. */
  synchronized OneDnnPrimitive acquire(Object key, Supplier<MemorySegment> descriptor) {
    if (closed) {
      throw new IllegalStateException("the oneDNN engine is closed");
    }
    OneDnnPrimitive primitive = primitives.get(key);
    if (primitive == null) {
      primitive = new OneDnnPrimitive(key, descriptor.get());
      primitives.put(key, primitive);
    }
    primitive.users++;
    return primitive;
  }

  synchronized void release(OneDnnPrimitive primitive) {
    if (--primitive.users == 0) {
      primitives.remove(primitive.key);
      primitive.destroy();
    }
  }

  synchronized MemorySegment createMemory(MemorySegment descriptor, long address) {
    MemorySegment memory =
        create(
            out ->
                OneDnnMemory.dnnl_memory_create(
                    out, descriptor, engine, MemorySegment.ofAddress(address)));
    memories++;
    return memory;
  }

  synchronized void destroyMemory(MemorySegment memory) {
    OneDnnMemory.dnnl_memory_destroy(memory);
    memories--;
  }

  /**
   * @throws IllegalStateException if something made with this engine is still open
   */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    if (liveObjects() != 0) {
      throw new IllegalStateException(
          "the oneDNN engine is still used by "
              + primitives.size()
              + " primitives and "
              + memories
              + " memories: close the convolutions first");
    }
    closed = true;
    OneDnnAttributes.dnnl_primitive_attr_destroy(attributes);
    OneDnn.dnnl_stream_destroy(stream);
    OneDnn.dnnl_engine_destroy(engine);
  }

  /** A C function that writes the handle of a new object to its argument. */
  @FunctionalInterface
  interface Constructor {
    void create(MemorySegment out);
  }

  static MemorySegment create(Constructor constructor) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ValueLayout.ADDRESS);
      constructor.create(out);
      return out.get(ValueLayout.ADDRESS, 0);
    }
  }
}
