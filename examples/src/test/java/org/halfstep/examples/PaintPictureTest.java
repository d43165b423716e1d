package org.halfstep.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Path;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.image.ImageFile;
import org.halfstep.image.PngFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PaintPictureTest {
  @Test
  void aModelOfTextsPaintsOne(@TempDir Path folder) throws IOException {
    TinyPipeline.write(folder.resolve("tiny"));
    PaintPicture.main(
        new String[] {folder.resolve("tiny/diffusers").toString(), folder.toString()});
    Path fox = folder.resolve("fox.png");
    assertEquals(64, ImageFile.read(fox, 3).width());
    assertEquals("a photograph of a fox in the snow", PngFile.text(fox).get("Prompt"));
  }
}
