package org.halfstep.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.zip.CRC32;
import org.halfstep.image.BicubicResize.Part;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Against Pillow 9.4, whose results are known by their CRC-32 and first bytes. */
class BicubicResizeTest {
  private static byte[] picture(int size) {
    byte[] pixels = new byte[size];
    int state = 12345;
    for (int i = 0; i < size; i++) {
      state = (state * 1103515245 + 12345) & 0x7fffffff;
      pixels[i] = (byte) (state >> 16);
    }
    return pixels;
  }

  private static byte[] resized(
      int height, int width, int channels, int toHeight, int toWidth, Part part) {
    byte[] pixels = picture(height * width * channels);
    return BicubicResize.resize(pixels, height, width, channels, toHeight, toWidth, part);
  }

  @ParameterizedTest
  @CsvSource({
    // height, width, channels, and of the result; first byte, CRC-32
    "4, 5, 1, 2, 3, 115, 070c6ef0",
    "2, 3, 1, 5, 7, 247, 33244d87",
    "7, 5, 3, 3, 4, 156, 41d40599",
    "60, 96, 3, 25, 40, 178, 53981bed",
    "30, 20, 3, 67, 45, 242, e38dce45",
    "9, 300, 1, 9, 28, 115, a6fe26ec",
    "8, 8, 3, 3, 8, 119, d8458e28",
  })
  void everyByteIsPillows(
      int height, int width, int channels, int toHeight, int toWidth, int first, String expected) {
    byte[] got =
        resized(height, width, channels, toHeight, toWidth, new Part(0, 0, toHeight, toWidth));
    assertEquals(first, got[0] & 0xff);
    CRC32 crc = new CRC32();
    crc.update(got);
    assertEquals(expected, String.format("%08x", crc.getValue()));
  }

  @Test
  void aPartIsThatOfTheWhole() {
    byte[] whole = resized(60, 96, 3, 25, 40, new Part(0, 0, 25, 40));
    byte[] part = resized(60, 96, 3, 25, 40, new Part(4, 11, 20, 7));
    byte[] expected = new byte[20 * 7 * 3];
    for (int y = 0; y < 20; y++) {
      System.arraycopy(whole, ((4 + y) * 40 + 11) * 3, expected, y * 21, 21);
    }
    assertArrayEquals(expected, part);
  }
}
