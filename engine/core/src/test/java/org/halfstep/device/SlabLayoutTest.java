package org.halfstep.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.halfstep.device.cpu.CpuDevice;
import org.junit.jupiter.api.Test;

class SlabLayoutTest {
  @Test
  void partsLieApartAndAligned() {
    SlabLayout layout = new SlabLayout();
    List<SlabLayout.Part> parts =
        List.of(
            layout.longs(3), layout.bytes(1), layout.floats(0), layout.doubles(8), layout.ints(17));
    assertEquals(
        List.of(24L, 1L, 0L, 64L, 68L), parts.stream().map(SlabLayout.Part::bytes).toList());
    try (Device device = new CpuDevice();
        Slab slab = layout.allocate(device, "parts")) {
      long end = slab.address();
      for (SlabLayout.Part part : parts) {
        assertEquals(0, part.address() % SlabLayout.ALIGNMENT);
        assertTrue(part.address() >= end, "overlaps the one before");
        end = part.address() + part.bytes();
        try (HostView window = part.window()) {
          assertEquals(part.bytes(), window.memory().byteSize());
          assertEquals(part.address(), window.memory().address());
        }
      }
      assertTrue(end <= slab.address() + slab.bytes(), "reaches beyond the slab");
    }
  }

  @Test
  void addressesAndSizesAreFixedByAllocating() {
    SlabLayout layout = new SlabLayout();
    SlabLayout.Part part = layout.ints(1);
    assertThrows(IllegalStateException.class, part::address);
    try (Device device = new CpuDevice();
        Slab slab = layout.allocate(device, "parts")) {
      assertEquals(slab.address(), part.address());
      assertThrows(IllegalStateException.class, () -> layout.ints(1));
      assertThrows(IllegalStateException.class, () -> layout.allocate(device, "again"));
    }
  }
}
