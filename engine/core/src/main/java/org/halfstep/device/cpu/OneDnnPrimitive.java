package org.halfstep.device.cpu;

import java.lang.foreign.MemorySegment;
import org.halfstep.bindings.OneDnn;
import org.halfstep.bindings.OneDnnMemory;
import org.halfstep.bindings.OneDnnPrimitives;

/**
 * A primitive descriptor and, once something binds it to memory, its primitive (code is generated
 * only then). Counted and destroyed by {@link OneDnnEngine}.
 */
final class OneDnnPrimitive {
  final Object key;
  final MemorySegment descriptor;

  /** Changed under the engine's lock only. */
  int users;

  private MemorySegment primitive;

  OneDnnPrimitive(Object key, MemorySegment descriptor) {
    this.key = key;
    this.descriptor = descriptor;
  }

  /** The descriptor of one of its memories; {@code query} is a {@code dnnl_query_..._md}. */
  MemorySegment memory(int query) {
    return OneDnnPrimitives.dnnl_primitive_desc_query_md(descriptor, query, 0);
  }

  long bytes(int query) {
    MemorySegment memory = memory(query);
    return memory.address() == 0 ? 0 : OneDnnMemory.dnnl_memory_desc_get_size(memory);
  }

  long scratchBytes() {
    return bytes(OneDnn.dnnl_query_scratchpad_md);
  }

  /** oneDNN's name of the implementation, as in {@code brgconv:avx512_core}. */
  String implementation() {
    MemorySegment text =
        OneDnnEngine.create(
            out ->
                OneDnnPrimitives.dnnl_primitive_desc_query(
                    descriptor, OneDnn.dnnl_query_impl_info_str, 0, out));
    return MemoryDescriptor.text(text);
  }

  synchronized MemorySegment primitive() {
    if (primitive == null) {
      primitive =
          OneDnnEngine.create(out -> OneDnnPrimitives.dnnl_primitive_create(out, descriptor));
    }
    return primitive;
  }

  void destroy() {
    if (primitive != null) {
      OneDnnPrimitives.dnnl_primitive_destroy(primitive);
    }
    OneDnnPrimitives.dnnl_primitive_desc_destroy(descriptor);
  }
}
