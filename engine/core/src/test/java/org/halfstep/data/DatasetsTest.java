package org.halfstep.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.halfstep.files.DataException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DatasetsTest {
  @TempDir Path folder;

  private void assertRefused(Path path, DatasetOptions options, String expected) {
    String message =
        assertThrows(DataException.class, () -> Datasets.open(path, options).close()).getMessage();
    assertTrue(message.startsWith(path.toString()) && message.contains(expected), message);
    assertEquals(1, message.lines().count());
  }

  @Test
  void opensIdxFiles() throws IOException {
    Files.write(
        folder.resolve("train-images-idx3-ubyte"),
        IdxFilesTest.images(0x803, 1, 2, 2, new byte[4]));
    Files.write(folder.resolve("train-labels-idx1-ubyte"), IdxFilesTest.labels(0x801, 1, 3));
    DatasetOptions options = DatasetOptions.of(Split.TRAIN);
    try (ImageDataset dataset = Datasets.open(folder, options)) {
      assertEquals(1, dataset.count());
    }
    try (ImageDataset dataset = Datasets.open(folder, options.withSize(2, 2, 1))) {
      assertEquals(3, dataset.label(0));
    }
    assertRefused(
        folder,
        options.withSize(4, 4, 1),
        "expected images of 4x4 with 1 channel(s), found 2x2 with 1");
    assertRefused(folder, DatasetOptions.of(Split.TEST), "expected t10k-images-idx3-ubyte");
  }

  @Test
  void opensFoldersOfImages() throws IOException {
    Files.createDirectory(folder.resolve("cats"));
    ImageIO.write(
        new BufferedImage(8, 8, BufferedImage.TYPE_INT_RGB),
        "png",
        folder.resolve("cats/1.png").toFile());
    DatasetOptions options = DatasetOptions.of(Split.TRAIN);
    try (ImageDataset dataset = Datasets.open(folder, options.withSize(4, 4, 0))) {
      assertEquals(List.of("cats"), dataset.classNames());
      assertEquals(3, dataset.channels());
    }
    assertRefused(folder, options, "say the height and width");
  }

  @Test
  void knowsCifar() throws IOException {
    Files.writeString(folder.resolve("batches.meta.txt"), "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    assertThrows(DataException.class, () -> Datasets.open(folder, DatasetOptions.of(Split.TRAIN)));
  }

  @Test
  void saysWhatItExpects() throws IOException {
    DatasetOptions options = DatasetOptions.of(Split.TRAIN);
    assertRefused(folder, options, "found none of these");
    assertRefused(folder.resolve("absent"), options, "found nothing");
    assertRefused(Files.createFile(folder.resolve("file")), options, "found a file");
    assertThrows(IllegalArgumentException.class, () -> options.withSize(4, 0, 1));
    assertThrows(IllegalArgumentException.class, () -> options.withSize(4, 4, 2));
  }
}
