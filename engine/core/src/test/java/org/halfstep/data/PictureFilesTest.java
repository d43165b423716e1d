package org.halfstep.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
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
import org.halfstep.image.Fit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What belongs to a folder of pictures, whoever asks: datasets, samples and references alike. */
class PictureFilesTest {
  private static final int SIDE = 4;

  @TempDir Path folder;

  private Path picture(String name) throws IOException {
    return picture(name, SIDE, SIDE);
  }

  private Path picture(String name, int width, int height) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_BYTE_GRAY);
    for (int i = 0; i < width * height; i++) {
      image.getRaster().setSample(i % width, i / width, 0, 200);
    }
    assertTrue(ImageIO.write(image, "png", file.toFile()));
    return file;
  }

  private ImageDataset dataset(Split split, Path at) throws IOException {
    return Datasets.open(at, DatasetOptions.of(split).withSize(SIDE, SIDE, 1));
  }

  private static int samples(Path at) throws IOException {
    try (PictureFolder found = PictureFolder.open(at)) {
      return found.count();
    }
  }

  /** How many pictures of one class each of the readers finds. */
  private void assertFound(int count, List<String> notes) throws IOException {
    try (ImageDataset data = dataset(Split.TRAIN, folder.resolve("data"));
        PictureFolder same = PictureFolder.open(folder.resolve("data"))) {
      assertEquals(count, data.count());
      assertEquals(count, same.count());
      assertEquals(notes.size(), data.notes().size(), data.notes().toString());
      for (int i = 0; i < notes.size(); i++) {
        assertTrue(data.notes().get(i).contains(notes.get(i)), data.notes().get(i));
      }
    }
  }

  @Test
  void hiddenFoldersDoNotCount() throws IOException {
    picture("data/a/1.png");
    picture("data/a/.ipynb_checkpoints/1-checkpoint.png");
    picture("data/a/._1.png");
    picture("data/.git/x.png");
    assertFound(1, List.of());
  }

  @Test
  void linksAreFollowedAndDoNotTurnInCircles() throws IOException {
    picture("elsewhere/1.png");
    picture("elsewhere/deep/2.png");
    Files.createDirectories(folder.resolve("data"));
    Files.createSymbolicLink(folder.resolve("data/a"), folder.resolve("elsewhere"));
    Files.createSymbolicLink(folder.resolve("elsewhere/deep/up"), folder.resolve("elsewhere"));
    assertFound(2, List.of());
    Files.createSymbolicLink(folder.resolve("all"), folder.resolve("data"));
    assertEquals(2, samples(folder.resolve("all")));
  }

  /** Two links in each of thirty folders are 2^30 ways to the last one. */
  @Test
  void linksThatMultiplyAreRefused() throws IOException {
    picture("data/30/1.png");
    for (int i = 0; i < 30; i++) {
      Path level = Files.createDirectories(folder.resolve("data/" + i));
      for (String name : List.of("a", "b")) {
        Files.createSymbolicLink(level.resolve(name), folder.resolve("data/" + (i + 1)));
      }
    }
    String line =
        assertThrows(DataException.class, () -> samples(folder.resolve("data/0"))).getMessage();
    assertTrue(line.contains("in more than 1000 ways"), line);
  }

  @ParameterizedTest
  @ValueSource(strings = {"data/a/x.png", "data/a/sub", "data/b"})
  void linksThatLeadNowhereAreRefused(String name) throws IOException {
    picture("data/a/1.png");
    Files.createSymbolicLink(folder.resolve(name), folder.resolve("gone"));
    Files.createSymbolicLink(folder.resolve(name + "y.png"), folder.resolve("gone"));
    DataException refused =
        assertThrows(DataException.class, () -> dataset(Split.TRAIN, folder.resolve("data")));
    assertTrue(
        refused.getMessage().startsWith(folder.resolve(name) + ": is a link that leads nowhere"),
        refused.getMessage());
    assertTrue(refused.getMessage().contains("there are 2 of them below"), refused.getMessage());
    assertThrows(DataException.class, () -> samples(folder.resolve("data")));
  }

  @Test
  void otherKindsAreCounted() throws IOException {
    picture("data/a/1.png");
    Files.move(picture("data/a/2.png"), folder.resolve("data/a/2.PNG "));
    for (String name : List.of("3.webp", "4.WebP", "5.heic", "Thumbs.db", "README")) {
      Files.writeString(folder.resolve("data/a").resolve(name), "x");
    }
    assertFound(
        2,
        List.of("5 files (2 .webp, 1 .db, 1 .heic, 1 without an ending); PNG and JPEG are read"));
    try (PictureFolder same = PictureFolder.open(folder.resolve("data"))) {
      assertTrue(same.notes().getFirst().contains("2 .webp"), same.notes().toString());
    }
    Files.delete(folder.resolve("data/a/1.png"));
    Files.delete(folder.resolve("data/a/2.PNG "));
    DataException none =
        assertThrows(DataException.class, () -> dataset(Split.TRAIN, folder.resolve("data")));
    assertTrue(none.getMessage().contains("found 2 .webp"), none.getMessage());
  }

  @Test
  void deeperFoldersAreReadAndLoosePicturesCounted() throws IOException {
    picture("data/a/1.png");
    picture("data/a/session2/2.png");
    picture("data/a/session2/more/3.png");
    Path loose = picture("data/loose.png");
    try (ImageDataset data = dataset(Split.TRAIN, folder.resolve("data"))) {
      assertEquals(3, data.count());
      assertTrue(data.notes().getFirst().contains("1 picture beside the class folders"));
    }
    Files.delete(loose);
    assertFound(3, List.of());
  }

  @Test
  void aFlatFolderIsOneClass() throws IOException {
    picture("cats/1.png");
    picture("cats/2.png");
    try (ImageDataset data = dataset(Split.TRAIN, folder.resolve("cats"))) {
      assertEquals(2, data.count());
      assertEquals(List.of("cats"), data.classNames());
      assertTrue(data.notes().getFirst().contains("one class"), data.notes().toString());
    }
  }

  @Test
  void foldersBesideTheSplitsAreNamed() throws IOException {
    picture("data/Train/a/1.png");
    picture("data/test/a/1.png");
    picture("data/val/a/1.png");
    for (Split split : Split.values()) {
      try (ImageDataset data = dataset(split, folder.resolve("data"))) {
        assertEquals(1, data.count());
        assertTrue(data.notes().getFirst().endsWith("val; only train and test are read"));
      }
    }
  }

  @Test
  void classesHaveTheNumbersOfTheTrainSplit() throws IOException {
    picture("data/train/ant/1.png");
    picture("data/train/bee/1.png");
    picture("data/train/cat/1.png");
    picture("data/test/ant/1.png");
    picture("data/test/cat/1.png");
    try (ImageDataset data = dataset(Split.TEST, folder.resolve("data"))) {
      assertEquals(List.of("ant", "bee", "cat"), data.classNames());
      assertArrayEquals(new int[] {0, 2}, new int[] {data.label(0), data.label(1)});
    }
    picture("data/test/dog/1.png");
    DataException refused =
        assertThrows(DataException.class, () -> dataset(Split.TEST, folder.resolve("data")));
    assertTrue(
        refused.getMessage().contains("a class that the train split does not have: dog"),
        refused.getMessage());
  }

  @Test
  void classesHaveTheNumbersOfTheModel() throws IOException {
    picture("data/ant/1.png");
    picture("data/cat/1.png");
    DatasetOptions options = DatasetOptions.of(Split.TRAIN).withSize(SIDE, SIDE, 1);
    try (ImageDataset data =
        Datasets.open(folder.resolve("data"), options.withClasses(List.of("cat", "bee", "ant")))) {
      assertEquals(List.of("cat", "bee", "ant"), data.classNames());
      assertArrayEquals(new int[] {2, 0}, new int[] {data.label(0), data.label(1)});
    }
    DataException refused =
        assertThrows(
            DataException.class,
            () ->
                Datasets.open(folder.resolve("data"), options.withClasses(List.of("0", "1", "2"))));
    assertTrue(
        refused.getMessage().contains("2 classes that the model does not have: ant, cat"),
        refused.getMessage());
  }

  @Test
  void namesThatAreNumbersAreOrderedAsNumbers() throws IOException {
    for (int i = 0; i < 12; i++) {
      picture("data/" + i + "/1.png");
    }
    try (ImageDataset data = dataset(Split.TRAIN, folder.resolve("data"))) {
      assertEquals(
          List.of("0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"), data.classNames());
    }
    picture("data/x/1.png");
    try (ImageDataset data = dataset(Split.TRAIN, folder.resolve("data"))) {
      assertEquals(List.of("0", "1", "10", "11", "2"), data.classNames().subList(0, 5));
    }
  }

  @Test
  void howPicturesBecomeSquareIsChosenAndSaid() throws IOException {
    picture("data/a/1.png", 8, 4);
    picture("data/a/2.png", 4, 4);
    for (Fit fit : Fit.values()) {
      DatasetOptions options = DatasetOptions.of(Split.TRAIN).withSize(SIDE, SIDE, 1).withFit(fit);
      try (ImageDataset data = Datasets.open(folder.resolve("data"), options)) {
        assertTrue(
            data.notes().getFirst().startsWith("1 of 2 pictures are not square: "),
            data.notes().toString());
        byte[] wide = data.batch(0).pixels();
        byte bar = fit == Fit.PAD ? 0 : (byte) 200;
        assertEquals(bar, wide[0]);
        assertEquals((byte) 200, wide[SIDE * SIDE / 2]);
        assertEquals(bar, wide[SIDE * SIDE - 1]);
      }
    }
  }

  @Test
  void picturesOfOneShapeAreNotRemarkedOn() throws IOException {
    picture("data/a/1.png");
    assertFound(1, List.of());
  }
}
