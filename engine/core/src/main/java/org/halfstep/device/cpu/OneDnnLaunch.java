package org.halfstep.device.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.bindings.OneDnn;
import org.halfstep.bindings.OneDnnPrimitives;
import org.halfstep.device.Launch;

/** A primitive bound to its memory; runs until it is closed. */
final class OneDnnLaunch implements Launch, AutoCloseable {
  private final OneDnnEngine engine;
  private final MemorySegment primitive;
  private final MemorySegment stream;
  private final Arena arena;
  private final MemorySegment arguments;
  private final int count;
  private final List<MemorySegment> memories;

  private OneDnnLaunch(Builder builder) {
    engine = builder.engine;
    primitive = builder.primitive.primitive();
    stream = engine.stream();
    memories = builder.memories;
    count = memories.size();
    arena = Arena.ofShared();
    arguments = arena.allocate(OneDnn.dnnl_exec_arg_t, count);
    long size = OneDnn.dnnl_exec_arg_t.byteSize();
    for (int i = 0; i < count; i++) {
      arguments.set(ValueLayout.JAVA_INT, i * size, builder.names.get(i));
      arguments.set(ValueLayout.ADDRESS, i * size + 8, memories.get(i));
    }
  }

  @Override
  public void run() {
    OneDnnPrimitives.dnnl_primitive_execute(primitive, stream, count, arguments);
  }

  @Override
  public void close() {
    arena.close();
    memories.forEach(engine::destroyMemory);
  }

  /** Collects the arguments of a launch. */
  static final class Builder {
    private final OneDnnEngine engine;
    private final OneDnnPrimitive primitive;
    private final List<Integer> names = new ArrayList<>();
    private final List<MemorySegment> memories = new ArrayList<>();

    Builder(OneDnnEngine engine, OneDnnPrimitive primitive) {
      this.engine = engine;
      this.primitive = primitive;
    }

    /** One argument, {@code DNNL_ARG_...}, at an address. */
    Builder argument(int name, MemorySegment descriptor, long address) {
      memories.add(engine.createMemory(descriptor, address));
      names.add(name);
      return this;
    }

    /** One argument whose descriptor the primitive knows as {@code query}. */
    Builder argument(int name, int query, long address) {
      return argument(name, primitive.memory(query), address);
    }

    Builder scratch(long address) {
      if (primitive.scratchBytes() == 0) {
        return this;
      }
      return argument(OneDnn.DNNL_ARG_SCRATCHPAD, OneDnn.dnnl_query_scratchpad_md, address);
    }

    OneDnnLaunch build() {
      return new OneDnnLaunch(this);
    }
  }
}
