package org.halfstep.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import org.junit.jupiter.api.Test;

/** Published text and image encoders have as many numbers as their configurations say. */
class ClipSizesTest {
  private static long numbers(Map<String, long[]> shapes) {
    return shapes.values().stream().mapToLong(ParameterShapes::elements).sum();
  }

  @Test
  void theLargeClipOfOpenAi() {
    TextDescription text = new TextDescription(49_408, 77, 768, 3072, 12, 12, true);
    ClipImageDescription image = new ClipImageDescription(224, 14, 1024, 4096, 24, 16, true);
    assertEquals(123_060_480, text.parameters());
    assertEquals(303_179_776, numbers(image.shapes()));
    // Without the factor of the logits.
    assertEquals(427_616_513 - 1, numbers(ClipCheckpoint.shapes(text, image, 768)));
  }

  @Test
  void theTextEncoderOfTheSecondGeneration() {
    TextDescription text = new TextDescription(49_408, 77, 1024, 4096, 23, 16, false);
    assertEquals(340_387_840, text.parameters());
  }

  @Test
  void theEncoderOfSentences() {
    assertEquals(22_565_376, numbers(BertDescription.MINI_LM.shapes()));
    assertEquals(101, BertDescription.MINI_LM.shapes().size());
  }
}
