package org.halfstep.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.data.ImageDataset;
import org.halfstep.image.ImageBatch;
import org.halfstep.model.TinyNetworks;
import org.junit.jupiter.api.Test;

/** Images measured as they come are measured as the whole sets are. */
class QualityMeterTest {
  private static final int SIDE = 4;
  private static final int CLASSES = 3;

  /** The pixels are the features, the first three of them the logits. */
  private static final class Pixels implements FeatureExtractor {
    @Override
    public String name() {
      return "pixels";
    }

    @Override
    public String sha256() {
      return "0";
    }

    @Override
    public int features() {
      return SIDE * SIDE;
    }

    @Override
    public int classes() {
      return CLASSES;
    }

    @Override
    public int batch() {
      return 7;
    }

    @Override
    public void extract(ImageBatch images, float[] features, float[] logits) {
      for (int i = 0; i < images.count() * features(); i++) {
        features[i] = (images.pixels()[i] & 0xff) / 255f;
        if (i % features() < CLASSES) {
          logits[i / features() * CLASSES + i % features()] = 9 * features[i];
        }
      }
    }

    @Override
    public void close() {}
  }

  private final FeatureExtractor pixels = new Pixels();

  private List<Quality> measured(ReferenceImages reference, int step, long... counts) {
    QualityMeter meter = new QualityMeter(pixels, reference, counts);
    try (ImageDataset generated = TinyNetworks.images(SIDE, 90)) {
      for (int first = 0; first < counts[counts.length - 1]; first += step) {
        int count = (int) Math.min(step, counts[counts.length - 1] - first);
        int[] indexes = new int[count];
        for (int i = 0; i < count; i++) {
          indexes[i] = first + i;
        }
        meter.add(generated.batch(indexes));
      }
    }
    return meter.results();
  }

  private ReferenceImages reference() {
    try (ImageDataset data = TinyNetworks.images(SIDE, 70)) {
      return ReferenceImages.of(pixels, data, "waves");
    }
  }

  @Test
  void severalNumbersOfImagesInOnePass() {
    ReferenceImages reference = reference();
    List<Quality> together = measured(reference, 11, 30, 32, 90);
    List<Quality> alone = new ArrayList<>();
    for (long count : new long[] {30, 32, 90}) {
      alone.addAll(measured(reference, 90, count));
    }
    assertEquals(3, together.size());
    for (int i = 0; i < alone.size(); i++) {
      assertEquals(alone.get(i).samples(), together.get(i).samples());
      assertEquals(alone.get(i).fid(), together.get(i).fid(), 1e-9);
      assertEquals(alone.get(i).inceptionScore(), together.get(i).inceptionScore(), 1e-12);
      assertEquals(alone.get(i).kid(), together.get(i).kid(), 1e-12);
      assertEquals(alone.get(i).precision(), together.get(i).precision());
      assertEquals(alone.get(i).recall(), together.get(i).recall());
    }
  }

  @Test
  void aSetComparedWithItself() {
    try (ImageDataset data = TinyNetworks.images(SIDE, 70)) {
      QualityMeter meter = new QualityMeter(pixels, reference(), 70);
      int[] all = new int[70];
      for (int i = 0; i < all.length; i++) {
        all[i] = i;
      }
      meter.add(data.batch(all));
      Quality quality = meter.results().getFirst();
      assertEquals(0, quality.fid(), 1e-9);
      assertEquals(1, quality.precision());
      assertEquals(1, quality.recall());
    }
  }

  @Test
  void tooFewImagesAndTooMany() {
    ReferenceImages reference = reference();
    IllegalArgumentException few =
        assertThrows(IllegalArgumentException.class, () -> new QualityMeter(pixels, reference, 19));
    assertEquals("image metrics need at least 20 images, got [19]", few.getMessage());
    QualityMeter meter = new QualityMeter(pixels, reference, 20);
    ImageBatch images = new ImageBatch(21, SIDE, SIDE, 1, new byte[21 * SIDE * SIDE]);
    assertThrows(IllegalArgumentException.class, () -> meter.add(images));
  }
}
