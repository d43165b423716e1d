package org.halfstep.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.halfstep.files.DataException;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PictureFolderTest {
  private static final int SIDE = 5;

  @TempDir private Path folder;

  private static ImageBatch image(int channels, int value) {
    byte[] pixels = new byte[SIDE * SIDE * channels];
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (byte) (value + i);
    }
    return new ImageBatch(1, SIDE, SIDE, channels, pixels);
  }

  private void write(String name, ImageBatch image) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    ImageGrid.writeSingle(file, image, 0, Map.of());
  }

  @Test
  void readsColourAndGreyAsTheyAre() throws IOException {
    for (int channels : new int[] {1, 3}) {
      String below = "c" + channels;
      for (int i = 0; i < 3; i++) {
        write(below + "/part" + i % 2 + "/" + i + ".png", image(channels, 40 * i));
      }
      Files.writeString(folder.resolve(below).resolve("notes.txt"), "no picture");
      try (PictureFolder pictures = PictureFolder.open(folder.resolve(below))) {
        assertEquals(3, pictures.count());
        assertEquals("5x5x" + channels, pictures.size());
        ImageBatch first = pictures.next(2);
        assertEquals(2, first.count());
        // In order of their paths: 0 and 2 are in the first folder.
        assertArrayEquals(
            image(channels, 80).pixels(),
            Arrays.copyOfRange(first.pixels(), first.pixels().length / 2, first.pixels().length));
        assertArrayEquals(image(channels, 40).pixels(), pictures.next(2).pixels());
        assertEquals(0, pictures.next(2).count());
      }
    }
  }

  @Test
  void greyAmongColourIsColour() throws IOException {
    write("a.png", image(1, 1));
    write("b.png", image(3, 1));
    try (PictureFolder pictures = PictureFolder.open(folder)) {
      assertEquals(3, pictures.channels());
      assertTrue(pictures.notes().getFirst().startsWith("1 of 2 pictures have 1 channel"));
      byte[] grey = pictures.next(1).pixels();
      byte[] expected = image(1, 1).pixels();
      for (int i = 0; i < grey.length; i++) {
        assertEquals(expected[i / 3], grey[i]);
      }
      assertArrayEquals(image(3, 1).pixels(), pictures.next(1).pixels());
    }
  }

  @Test
  void otherSizesAreRefused() throws IOException {
    write("a.png", image(1, 1));
    write("b.png", new ImageBatch(1, 4, 5, 1, new byte[20]));
    try (PictureFolder pictures = PictureFolder.open(folder)) {
      pictures.next(1);
      DataException refused = assertThrows(DataException.class, () -> pictures.next(1));
      assertTrue(refused.getMessage().contains("is 4x5, a.png is 5x5"), refused.getMessage());
    }
    assertThrows(
        DataException.class,
        () -> PictureFolder.open(Files.createDirectories(folder.resolve("empty"))));
  }
}
