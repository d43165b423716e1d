package org.halfstep.doctor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.halfstep.diffusion.Solver;
import org.halfstep.doctor.Finding.Verdict;
import org.halfstep.doctor.ReferencePictures.Picture;
import org.junit.jupiter.api.Test;

/** The published values are looked for where they were published: blue, in their window. */
class ReferencePicturesTest {
  private static final int BLUE = 2;

  private static Verdict verdict(Picture picture, int channel, int shift, double more) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pixels =
          arena.allocate(Float.BYTES * TestPicture.numbers(picture.side()), Float.BYTES);
      for (int i = 0; i < picture.values().size(); i++) {
        long y = picture.first() + i / 3 - shift;
        long x = picture.first() + i % 3;
        double value = 2 * (picture.values().get(i) + more) - 1;
        pixels.setAtIndex(
            ValueLayout.JAVA_FLOAT, (y * picture.side() + x) * 3 + channel, (float) value);
      }
      return ReferencePictures.compare(picture, Solver.DDIM, pixels).verdict();
    }
  }

  @Test
  void theValuesThemselvesPass() {
    for (Picture picture : ReferencePictures.PICTURES) {
      assertEquals(9, picture.values().size());
      assertTrue(picture.first() + 3 <= picture.side());
      assertEquals(Verdict.PASSED, verdict(picture, BLUE, 0, 0.9 * picture.tolerance()));
    }
  }

  @Test
  void otherValuesOtherColoursAndOtherPlacesFail() {
    for (Picture picture : ReferencePictures.PICTURES) {
      assertEquals(Verdict.FAILED, verdict(picture, BLUE, 0, 2 * picture.tolerance()));
      assertEquals(Verdict.FAILED, verdict(picture, 0, 0, 0));
      assertEquals(Verdict.FAILED, verdict(picture, BLUE, 1, 0));
    }
  }
}
