package org.halfstep.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.halfstep.device.cpu.CpuDevice;
import org.junit.jupiter.api.Test;

/** The choice of a device among backends of which some do not work. */
class DevicesTest {
  private final List<String> opened = new ArrayList<>();
  private final List<String> passedOver = new ArrayList<>();

  /** A backend whose devices are the CPU under another name, or fail to open. */
  private record Imagined(List<String> opened, String name, boolean isPresent, String failure)
      implements Backend {
    @Override
    public boolean isNumbered() {
      return !name.equals("last");
    }

    @Override
    public Device open(int ordinal, DeviceOptions options) {
      opened.add(name + ":" + ordinal);
      if (failure != null) {
        throw new IllegalStateException(failure);
      }
      return new CpuDevice(options.cpu());
    }
  }

  private Backend backend(String name, boolean present, String failure) {
    return new Imagined(opened, name, present, failure);
  }

  private void open(String choice, Backend... backends) {
    Devices.open(
            List.of(backends),
            choice,
            DeviceOptions.standard(),
            (backend, problem) -> passedOver.add(backend.name() + ": " + problem))
        .close();
  }

  @Test
  void autoTakesTheFirstThatWorksAndSaysWhyOthersDoNot() {
    open(
        Devices.AUTO,
        backend("absent", false, null),
        backend("broken", true, "the driver is too old"),
        backend("works", true, null),
        backend("last", true, null));
    assertEquals(List.of("broken:0", "works:0"), opened);
    assertEquals(List.of("broken: the driver is too old"), passedOver);
  }

  @Test
  void whatIsLeftInTheEndFailsAloud() {
    IllegalStateException failure =
        assertThrows(
            IllegalStateException.class,
            () ->
                open(
                    Devices.AUTO,
                    backend("absent", false, null),
                    backend("last", true, "no oneDNN")));
    assertEquals("no oneDNN", failure.getMessage());
    assertEquals(List.of(), passedOver);
  }

  @Test
  void whatIsNamedIsOpenedOrFails() {
    Backend broken = backend("broken", false, "nothing there");
    Backend last = backend("last", true, null);
    assertThrows(IllegalStateException.class, () -> open("broken:12", broken, last));
    open("last", broken, last);
    assertEquals(List.of("broken:12", "last:0"), opened);
    assertEquals(List.of(), passedOver);
    for (String wrong : List.of("last:0", "broken:", "broken:x", "broken:-1", "Last", "")) {
      assertThrows(IllegalArgumentException.class, () -> open(wrong, broken, last), wrong);
    }
  }

  @Test
  void aProblemIsTheLineThatOpeningFailsWith() {
    assertEquals(Optional.of("nothing there"), backend("b", true, "nothing there").problem());
    assertEquals(Optional.empty(), Devices.backend(Devices.CPU).problem());
  }

  @Test
  void aDeviceIsNamedAfterItsBackendAndNamesItsParts() {
    try (Device device = Devices.open(Devices.CPU)) {
      assertTrue(device.name().startsWith(Devices.CPU + " ("), device.name());
      assertEquals(
          List.of("oneDNN", "kernels"), device.parts().stream().map(DevicePart::name).toList());
    }
  }
}
