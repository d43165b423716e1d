package org.halfstep.cli.option;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.halfstep.cli.console.InputException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MemoryOptionTest {
  @ParameterizedTest
  @CsvSource({
    "600M, 629145600",
    "600m, 629145600",
    "1 MiB, 1048576",
    "2.5G, 2684354560",
    "3GB, 3221225472",
    "0.5gib, 536870912",
    "1T, 1099511627776",
    "999999999T, 1099511626676488372224",
  })
  void aSizeHasAUnit(String text, double bytes) {
    assertEquals((long) bytes, MemoryOption.bytes(text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "600",
        "M",
        "0M",
        "0.0000001M",
        "-1G",
        "1e3M",
        "1.G",
        "1,5G",
        "NaN",
        "2K",
        "9999999999G",
        "1GG"
      })
  void whatIsNoSizeIsRefused(String text) {
    InputException refused = assertThrows(InputException.class, () -> MemoryOption.bytes(text));
    assertEquals(
        "--memory must be a size above 0 in M (MiB), G (GiB) or T, such as 600M or 2.5G, got \""
            + text
            + "\"",
        refused.getMessage());
  }

  @Test
  void nothingIsTheDefault() {
    assertEquals(0, new MemoryOption().bytes());
  }
}
