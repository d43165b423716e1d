package org.halfstep.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.halfstep.image.ImageBatch;
import org.junit.jupiter.api.Test;

class RandomMaskTest {
  private static final int SIDE = 32;
  private static final int MASKS = 400;

  private static int painted(boolean[] mask) {
    int count = 0;
    for (boolean one : mask) {
      count += one ? 1 : 0;
    }
    return count;
  }

  @Test
  void aQuarterPaintsEverythingAndTheOthersAPart() {
    int everything = 0;
    double share = 0;
    Set<Integer> different = new HashSet<>();
    for (int number = 0; number < MASKS; number++) {
      boolean[] mask = RandomMask.draw(3, number, SIDE, SIDE);
      int count = painted(mask);
      assertTrue(count > 0, "mask " + number + " paints nothing");
      if (count == SIDE * SIDE) {
        everything++;
      } else {
        share += (double) count / (SIDE * SIDE);
        different.add(Arrays.hashCode(mask));
      }
    }
    assertEquals(0.25, (double) everything / MASKS, 0.07);
    assertTrue(different.size() > 0.98 * (MASKS - everything), "masks of their own");
    double mean = share / (MASKS - everything);
    assertTrue(mean > 0.15 && mean < 0.7, "a part of " + mean);
  }

  @Test
  void aMaskIsAFunctionOfSeedAndNumber() {
    boolean[] first = RandomMask.draw(3, 7, SIDE, 20);
    RandomMask.draw(3, 8, SIDE, 20);
    assertArrayEquals(first, RandomMask.draw(3, 7, SIDE, 20));
    assertEquals(SIDE * 20, first.length);
  }

  @Test
  void eachPictureComesWithEachOfItsMasks() throws IOException {
    int count = 3;
    int masks = 4;
    byte[] pixels = new byte[count * SIDE * SIDE];
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (byte) (10 + i / (SIDE * SIDE));
    }
    try (ImageDataset data = ImageDataset.of(pixels, new int[count], SIDE, SIDE, 1, List.of("a"));
        MaskedPictures masked = new MaskedPictures(ImageSource.of(data), masks, 5)) {
      assertEquals(count * masks, masked.count());
      int number = 0;
      for (int size : new int[] {5, 1, 100, 3}) {
        ImageBatch batch = masked.next(size);
        for (int k = 0; k < batch.count(); k++) {
          boolean[] mask = RandomMask.draw(5, number, SIDE, SIDE);
          assertArrayEquals(mask, masked.painted(number));
          for (int i = 0; i < mask.length; i++) {
            int expected = mask[i] ? 128 : 10 + number / masks;
            assertEquals(expected, batch.pixels()[k * mask.length + i] & 0xff, "number " + number);
          }
          number++;
        }
      }
      assertEquals(count * masks, number);
    }
  }
}
