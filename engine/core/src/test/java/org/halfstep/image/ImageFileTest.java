package org.halfstep.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import javax.imageio.ImageIO;
import org.halfstep.files.DataException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Pictures as cameras and other programs store them, and damaged ones. */
class ImageFileTest {
  private static final int WIDTH = 24;
  private static final int HEIGHT = 16;

  @TempDir Path folder;

  /** No two corners alike. */
  private static BufferedImage scene() {
    BufferedImage image = new BufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < HEIGHT; y++) {
      for (int x = 0; x < WIDTH; x++) {
        int red = x < WIDTH / 2 ? 220 : 40;
        int green = y < HEIGHT / 2 ? 200 : 30;
        image.setRGB(x, y, red << 16 | green << 8 | 90);
      }
    }
    return image;
  }

  private static byte[] encoded(BufferedImage image, String format) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    assertTrue(ImageIO.write(image, format, out));
    return out.toByteArray();
  }

  private Path file(byte[] bytes) throws IOException {
    return Files.write(folder.resolve("picture"), bytes);
  }

  private static byte[] inserted(byte[] bytes, int at, byte[] part) {
    ByteBuffer all = ByteBuffer.allocate(bytes.length + part.length);
    return all.put(bytes, 0, at).put(part).put(bytes, at, bytes.length - at).array();
  }

  /** An EXIF block with an orientation behind another entry. */
  private static byte[] exif(int orientation, boolean bigEndian) {
    ByteBuffer block = ByteBuffer.allocate(8 + 2 + 24 + 4);
    if (!bigEndian) {
      block.order(java.nio.ByteOrder.LITTLE_ENDIAN);
    }
    block.putShort((short) (bigEndian ? 0x4d4d : 0x4949)).putShort((short) 42).putInt(8);
    block.putShort((short) 2);
    block.putShort((short) 0x0100).putShort((short) 4).putInt(1).putInt(77);
    block.putShort((short) 0x0112).putShort((short) 3).putInt(1).putShort((short) orientation);
    return block.array();
  }

  private static byte[] jpegWith(int orientation, boolean bigEndian) throws IOException {
    byte[] block = exif(orientation, bigEndian);
    ByteBuffer segment = ByteBuffer.allocate(4 + 6 + block.length);
    segment.putShort((short) 0xffe1).putShort((short) (2 + 6 + block.length));
    segment.put("Exif\0\0".getBytes(StandardCharsets.US_ASCII)).put(block);
    return inserted(encoded(scene(), "jpg"), 2, segment.array());
  }

  private static byte[] chunk(String name, byte[] data) {
    CRC32 checksum = new CRC32();
    checksum.update(name.getBytes(StandardCharsets.US_ASCII));
    checksum.update(data);
    return ByteBuffer.allocate(12 + data.length)
        .putInt(data.length)
        .put(name.getBytes(StandardCharsets.US_ASCII))
        .put(data)
        .putInt((int) checksum.getValue())
        .array();
  }

  /** The value of a pixel's channel. */
  private static float at(ImageFile.Pixels picture, int x, int y, int channel) {
    return picture.values()[(y * picture.width() + x) * picture.channels() + channel];
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
  void picturesThatAreStoredLyingAreTurned(int orientation) throws IOException {
    // Where EXIF says that the stored picture's first row and first column are to be shown.
    boolean transposed = orientation >= 5;
    boolean redRight = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
    boolean redBelow = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
    for (byte[] bytes :
        new byte[][] {
          jpegWith(orientation, false),
          jpegWith(orientation, true),
          inserted(encoded(scene(), "png"), 33, chunk("eXIf", exif(orientation, true)))
        }) {
      Path file = file(bytes);
      ImageFile.Pixels picture = ImageFile.read(file, 3);
      assertEquals(transposed ? HEIGHT : WIDTH, picture.width());
      assertEquals(transposed ? WIDTH : HEIGHT, picture.height());
      int left = redRight ? picture.width() - 1 : 0;
      int top = redBelow ? picture.height() - 1 : 0;
      // The stored top left corner has much red and much green; its neighbours lack one each.
      assertEquals(220, at(picture, left, top, 0), 12);
      assertEquals(200, at(picture, left, top, 1), 12);
      int right = picture.width() - 1 - left;
      assertEquals(transposed ? 220 : 40, at(picture, right, top, 0), 12);
      assertEquals(transposed ? 30 : 200, at(picture, right, top, 1), 12);

      ImageFile.Resized small = ImageFile.read(file, 3, 8, 8, Fit.SQUEEZE);
      assertEquals(orientation != 1, small.turned());
      int corner = ((redBelow ? 7 : 0) * 8 + (redRight ? 7 : 0)) * 3;
      assertEquals(220, small.values()[corner], 20);
      assertEquals(200, small.values()[corner + 1], 20);
    }
  }

  @Test
  void damagedExifTurnsNothing() throws IOException {
    byte[] whole = exif(6, true);
    for (int length = 0; length < whole.length; length++) {
      assertTrue(Orientation.of(ByteBuffer.wrap(whole, 0, length)).tag() <= 8);
    }
    byte[] far = whole.clone();
    far[4] = (byte) 0xff;
    assertTrue(Orientation.of(ByteBuffer.wrap(far)).isUpright());
    assertTrue(Orientation.of(ByteBuffer.wrap(exif(9, false))).isUpright());
    assertEquals(6, Orientation.of(ByteBuffer.wrap(whole)).tag());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4, 8})
  void greyOfFewBitsIsGrey(int bits) throws IOException {
    int levels = 1 << bits;
    byte[] greys = new byte[levels];
    for (int i = 0; i < levels; i++) {
      greys[i] = (byte) (255 * i / (levels - 1));
    }
    BufferedImage image =
        new BufferedImage(
            WIDTH,
            HEIGHT,
            bits == 8 ? BufferedImage.TYPE_BYTE_INDEXED : BufferedImage.TYPE_BYTE_BINARY,
            new IndexColorModel(bits, levels, greys, greys, greys));
    image.getRaster().setSample(3, 0, 0, levels - 1);
    Path file = file(encoded(image, "png"));
    assertTrue(ImageFile.isGrey(file));
    ImageFile.Pixels picture = ImageFile.read(file, 0);
    assertEquals(1, picture.channels());
    assertEquals(0, at(picture, 2, 0, 0));
    assertEquals(255, at(picture, 3, 0, 0), 1e-3);
  }

  @Test
  void aPaletteWithOneColourIsColour() throws IOException {
    byte[] red = {0, 10};
    byte[] other = {0, 9};
    BufferedImage image =
        new BufferedImage(
            WIDTH,
            HEIGHT,
            BufferedImage.TYPE_BYTE_BINARY,
            new IndexColorModel(1, 2, red, other, other));
    assertEquals(3, ImageFile.read(file(encoded(image, "png")), 0).channels());
  }

  @Test
  void damageInsideAJpegThatHasItsEndIsRefused() throws IOException {
    BufferedImage noise = new BufferedImage(64, 64, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < 64 * 64; i++) {
      noise.setRGB(i % 64, i / 64, i * 0x9e3779b1);
    }
    byte[] whole = encoded(noise, "jpg");
    byte[] cut = Arrays.copyOf(whole, whole.length * 2 / 3);
    cut[cut.length - 2] = (byte) 0xff;
    cut[cut.length - 1] = (byte) 0xd9;
    refused(cut, "Corrupt JPEG data");
  }

  @Test
  void damagedPartsOfAPngAreRefused() throws IOException {
    byte[] whole = encoded(scene(), "png");
    byte[] header = whole.clone();
    header[19] ^= 8; // the width
    refused(header, "part IHDR is damaged: wrong checksum");
    byte[] data = whole.clone();
    data[60] ^= 1;
    refused(data, "part IDAT is damaged: wrong checksum");
    ImageFile.read(file(inserted(whole, whole.length, new byte[100])), 3); // what follows the end
  }

  @Test
  void jfifMeansLumaAndChroma() throws IOException {
    byte[] whole = encoded(scene(), "jpg");
    float[] expected = ImageFile.read(file(whole), 3).values();
    byte[] adobe = {
      (byte) 0xff, (byte) 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0
    };
    assertEquals('J', whole[6]);
    int afterJfif = 4 + ((whole[4] & 0xff) << 8 | whole[5] & 0xff);
    assertArrayEquals(
        expected, ImageFile.read(file(inserted(whole, afterJfif, adobe)), 3).values());

    // Without either, and with components called 7, 8, 9.
    byte[] unknown = whole.clone();
    for (int at = 2; at < unknown.length - 10; ) {
      int marker = unknown[at + 1] & 0xff;
      int length = (unknown[at + 2] & 0xff) << 8 | unknown[at + 3] & 0xff;
      if (marker == 0xe0) {
        unknown[at + 1] = (byte) 0xfe;
      } else if (marker == 0xc0) {
        for (int i = 0; i < 3; i++) {
          unknown[at + 10 + 3 * i] = (byte) (7 + i);
        }
      } else if (marker == 0xda) {
        for (int i = 0; i < 3; i++) {
          unknown[at + 5 + 2 * i] = (byte) (7 + i);
        }
        break;
      }
      at += 2 + length;
    }
    assertArrayEquals(expected, ImageFile.read(file(unknown), 3).values());
  }

  @Test
  void sidesOutOfProportionAreRefusedBeforeTheyAreDecoded() throws IOException {
    for (int[] size : new int[][] {{1, 1 << 26}, {1 << 26, 1}, {1 << 14, 1 << 14}, {-1, 4}}) {
      ByteBuffer header = ByteBuffer.allocate(13);
      header.putInt(size[0]).putInt(size[1]).put(new byte[] {8, 0, 0, 0, 0});
      ByteArrayOutputStream png = new ByteArrayOutputStream();
      png.write(new byte[] {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'});
      png.write(chunk("IHDR", header.array()));
      byte[] packed = new byte[100];
      Deflater deflater = new Deflater();
      deflater.setInput(new byte[10]);
      deflater.finish();
      png.write(chunk("IDAT", Arrays.copyOf(packed, deflater.deflate(packed))));
      deflater.end();
      png.write(chunk("IEND", new byte[0]));
      refused(png.toByteArray(), "expected ");
    }
  }

  /** What a fuzzer found: 55 million pixels in 344 bytes, decoded before they were missed. */
  @Test
  void morePixelsThanTheBytesCanHaveAreRefusedBeforeTheyAreDecoded() throws IOException {
    byte[] jpeg = encoded(new BufferedImage(16, 16, BufferedImage.TYPE_BYTE_GRAY), "jpg");
    for (int at = 2; ; at += 2 + ((jpeg[at + 2] & 0xff) << 8 | jpeg[at + 3] & 0xff)) {
      if ((jpeg[at + 1] & 0xff) == 0xc0) {
        ByteBuffer.wrap(jpeg).putShort(at + 5, (short) 13_568).putShort(at + 7, (short) 4_102);
        break;
      }
    }
    refused(jpeg, "4102x13568 pixels cannot be in " + jpeg.length + " bytes");
    // The smallest files that pictures can have: one colour throughout.
    int side = 4096;
    for (int type : new int[] {BufferedImage.TYPE_BYTE_BINARY, BufferedImage.TYPE_BYTE_GRAY}) {
      BufferedImage black = new BufferedImage(side, side, type);
      for (String format : List.of("png", "jpg")) {
        Path file = file(encoded(black, format));
        assertEquals(0, ImageFile.read(file, 1, 8, 8, Fit.CROP).values()[0], 1, format);
      }
    }
  }

  @Test
  void aLargePictureIsNotHeldAsFloats() throws IOException {
    int side = 1500;
    BufferedImage image = new BufferedImage(side, side, BufferedImage.TYPE_3BYTE_BGR);
    Path file = file(encoded(image, "jpg"));
    ImageFile.read(file, 3, 8, 8, Fit.CROP);
    var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    ImageFile.read(file, 3, 8, 8, Fit.CROP);
    long bytes = threads.getCurrentThreadAllocatedBytes() - before;
    // The decoder's picture of three bytes a pixel; floats alone would be twelve.
    assertTrue(bytes < 8L * side * side, bytes + " bytes for " + side * side + " pixels");
  }

  private void refused(byte[] bytes, String problem) throws IOException {
    Path file = file(bytes);
    for (int i = 0; i < 2; i++) {
      boolean resized = i == 1;
      DataException refused =
          assertThrows(
              DataException.class,
              () -> {
                if (resized) {
                  ImageFile.read(file, 3, 8, 8, Fit.CROP);
                } else {
                  ImageFile.read(file, 0);
                }
              });
      assertTrue(refused.getMessage().startsWith(file + ": "), refused.getMessage());
      assertTrue(refused.getMessage().contains(problem), refused.getMessage());
    }
  }
}
