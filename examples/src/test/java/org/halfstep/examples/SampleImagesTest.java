package org.halfstep.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.data.PictureFolder;
import org.halfstep.device.Device;
import org.halfstep.device.Devices;
import org.halfstep.metrics.ClassifierExtractor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SampleImagesTest {
  @Test
  void thePicturesShowWhatTheyAreNamedAfter(@TempDir Path folder) throws IOException {
    SampleImages.main(new String[] {folder.toString()});
    List<String> seen = new ArrayList<>();
    try (PictureFolder pictures = PictureFolder.open(folder);
        Device device = Devices.open(Devices.standard());
        ClassifierExtractor classifier = ClassifierExtractor.fashionMnist(device)) {
      float[] logits = new float[2 * classifier.classes()];
      classifier.extract(pictures.next(2), new float[2 * classifier.features()], logits);
      for (int image = 0; image < 2; image++) {
        int best = 0;
        for (int label = 1; label < classifier.classes(); label++) {
          if (logits[image * classifier.classes() + label]
              > logits[image * classifier.classes() + best]) {
            best = label;
          }
        }
        seen.add(classifier.classifier().card().classNames().get(best));
      }
    }
    assertEquals(List.of("coat", "sneaker"), seen);
  }
}
