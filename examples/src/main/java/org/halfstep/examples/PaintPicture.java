package org.halfstep.examples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;
import org.halfstep.sample.DiffusionModel;

/**
 * A picture of a text by a latent model, a folder of diffusers or a single file, in five lines:
 * {@code PaintPicture MODEL [FOLDER]}.
 */
public final class PaintPicture {
  private PaintPicture() {}

  public static void main(String[] args) throws IOException {
    Path folder = Files.createDirectories(Path.of(args.length > 1 ? args[1] : "out/examples"));
    try (DiffusionModel model = DiffusionModel.open(Path.of(args[0]))) {
      String prompt = "a photograph of a fox in the snow";
      ImageBatch images = model.sample(model.request(prompt).withSeed(7).withSteps(20));
      ImageGrid.writeSingle(folder.resolve("fox.png"), images, 0, Map.of("Prompt", prompt));
    }
  }
}
