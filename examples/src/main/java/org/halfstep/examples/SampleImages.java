package org.halfstep.examples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.SampleRequest;

/** Two pictures by a bundled model, in ten lines: {@code SampleImages [FOLDER]}. */
public final class SampleImages {
  private SampleImages() {}

  public static void main(String[] args) throws IOException {
    Path folder = Files.createDirectories(Path.of(args.length > 0 ? args[0] : "out/examples"));
    try (DiffusionModel model = DiffusionModel.bundled("fashion-mnist-4")) {
      int[] labels = model.labels("sneaker", "coat");
      SampleRequest request = model.request(labels).withSeed(7).withGuidance(1);
      ImageBatch images = model.sample(request);
      ImageGrid.writeSingle(folder.resolve("sneaker.png"), images, 0, Map.of("seed", "7"));
      ImageGrid.writeSingle(folder.resolve("coat.png"), images, 1, Map.of("seed", "7"));
    }
  }
}
