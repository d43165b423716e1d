package org.halfstep.device.cpu;

import java.lang.foreign.MemorySegment;
import org.halfstep.bindings.OneDnnMemory;
import org.halfstep.device.PackedLayout;

/** A format that oneDNN chose, compared by oneDNN. */
final class OneDnnLayout implements PackedLayout {
  private final MemorySegment descriptor;
  private final int offset;

  /**
   * @param of the description to copy
   * @param offset first of the stored weight's input channels
   */
  OneDnnLayout(MemorySegment of, int offset) {
    this.descriptor = OneDnnEngine.create(out -> OneDnnMemory.dnnl_memory_desc_clone(out, of));
    this.offset = offset;
  }

  @Override
  public String title() {
    return "oneDNN";
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof OneDnnLayout layout
        && layout.offset == offset
        && OneDnnMemory.dnnl_memory_desc_equal(descriptor, layout.descriptor) != 0;
  }

  @Override
  public int hashCode() {
    return Long.hashCode(OneDnnMemory.dnnl_memory_desc_get_size(descriptor)) + 31 * offset;
  }

  @Override
  public void close() {
    OneDnnMemory.dnnl_memory_desc_destroy(descriptor);
  }
}
