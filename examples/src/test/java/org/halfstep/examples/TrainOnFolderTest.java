package org.halfstep.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.halfstep.image.PngFile;
import org.halfstep.sample.DiffusionModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainOnFolderTest {
  private static final int RED = 0xff2010;
  private static final int BLUE = 0x1020ff;

  @Test
  void twoClassesOfPicturesBecomeAModelAndAPictureOfBoth(@TempDir Path folder) throws IOException {
    for (int i = 0; i < 4; i++) {
      picture(folder.resolve("pictures/blue/" + i + ".png"), BLUE, i);
      picture(folder.resolve("pictures/red/" + i + ".png"), RED, i);
    }
    Path out = folder.resolve("out");
    TrainOnFolder.main(new String[] {folder.resolve("pictures").toString(), out.toString(), "3"});
    try (DiffusionModel model = DiffusionModel.open(out.resolve("teacher.safetensors"))) {
      assertEquals(List.of("blue", "red"), model.classNames());
      assertEquals("3", model.card().provenance().get("updates"));
    }
    BufferedImage samples = ImageIO.read(out.resolve("samples.png").toFile());
    // Four columns and two rows of 32x32 at twice their size, with two pixels between them.
    assertEquals(2 + 4 * 66, samples.getWidth());
    assertEquals(2 + 2 * 66, samples.getHeight());
  }

  private static void picture(Path file, int colour, int corner) throws IOException {
    BufferedImage picture = new BufferedImage(40, 36, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < 16; y++) {
      for (int x = 0; x < 16; x++) {
        picture.setRGB(x + 4 * corner, y + corner, colour);
      }
    }
    Files.createDirectories(file.getParent());
    PngFile.write(file, picture, Map.of());
  }
}
