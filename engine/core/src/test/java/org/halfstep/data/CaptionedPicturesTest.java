package org.halfstep.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import javax.imageio.ImageIO;
import org.halfstep.files.DataException;
import org.halfstep.image.ImageBatch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CaptionedPicturesTest {
  private static final int SIDE = 8;
  private static final DatasetOptions SMALL =
      DatasetOptions.of(Split.TRAIN).withSize(SIDE, SIDE, 0);

  @TempDir Path folder;

  @BeforeEach
  void pictures() throws IOException {
    picture("a/1.png", SIDE, 10);
    picture("a/2.png", SIDE, 20);
    picture("b/3.png", 2 * SIDE, 30);
    picture("b/3-small.png", SIDE, 40);
  }

  private void picture(String name, int side, int value) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    BufferedImage image = new BufferedImage(side, side, BufferedImage.TYPE_BYTE_GRAY);
    for (int i = 0; i < side * side; i++) {
      image.getRaster().setSample(i % side, i / side, 0, value);
    }
    assertTrue(ImageIO.write(image, "png", file.toFile()));
  }

  private void table(String... lines) throws IOException {
    Files.writeString(folder.resolve("captions.tsv"), String.join("\n", lines));
  }

  private void wholeTable() throws IOException {
    table(
        "\ufeffFile\tfile " + SIDE + "\tcaption\tlabel\tstyle\ttags\tweight\tsplit",
        "b/3.png\tb/3-small.png\tthree, flat style\tthree\tflat\tnumber, odd\t0.5\t",
        "",
        "./a/1.png\t\tone, round style\tone\tround\tnumber, odd\t\ttrain",
        "a/2.png\t\ttwo, flat style\ttwo\tflat\tnumber\t1\theld-out-pair\r");
  }

  private CaptionedPictures open(String... splits) throws IOException {
    return CaptionedPictures.open(folder, CaptionOptions.training().withSplits(splits));
  }

  private static List<Integer> values(ImageDataset data) {
    List<Integer> values = new ArrayList<>();
    for (int i = 0; i < data.count(); i++) {
      values.add((int) data.batch(i).pixels()[0]);
    }
    return values;
  }

  @Test
  void readsTheTable() throws IOException {
    wholeTable();
    CaptionedPictures all = open();
    assertEquals(3, all.count());
    assertEquals("three", all.picture(0).label());
    assertEquals("round", all.picture(1).style());
    assertEquals(List.of("number", "odd"), all.picture(1).tags());
    assertEquals(0.5, all.picture(0).weight());
    assertEquals("train", all.picture(0).split());
    assertEquals("held-out-pair", all.picture(2).split());
    assertEquals("two, flat style", all.texts().all().get(all.texts().own(2)));
    assertEquals(List.of(), all.notes());
    assertEquals(2, open("train").count());
    assertEquals("two", open("held-out-pair").picture(0).label());
    assertEquals(3, open("held-out-pair", "train").count());
    assertEquals(
        "three",
        all.picture(0).value("LABEL"),
        "columns are known whatever the case of their names");
  }

  @Test
  void picturesComeInOneSize() throws IOException {
    wholeTable();
    try (ImageDataset data = open().load(SMALL)) {
      assertEquals(List.of(40, 10, 20), values(data), "the file for this size is taken");
      assertEquals(3, data.channels());
      assertEquals(List.of("one", "three", "two"), data.classNames());
      assertEquals(1, data.label(0));
    }
    try (ImageDataset data =
        open().load(DatasetOptions.of(Split.TRAIN).withSize(SIDE + 1, SIDE + 1, 1))) {
      assertEquals(List.of(30, 10, 20), values(data));
    }
    try (ImageSource source = open().images(SMALL.withSize(SIDE, SIDE, 1))) {
      List<Integer> values = new ArrayList<>();
      for (ImageBatch batch = source.next(2); batch.count() > 0; batch = source.next(2)) {
        for (int i = 0; i < batch.count(); i++) {
          values.add((int) batch.pixels()[i * SIDE * SIDE]);
        }
      }
      assertEquals(List.of(40, 10, 20), values);
    }
  }

  @Test
  void isADatasetWithLabels() throws IOException {
    wholeTable();
    assertTrue(Datasets.hasSplits(folder));
    try (ImageDataset train = Datasets.open(folder, SMALL);
        ImageDataset test =
            Datasets.open(folder, DatasetOptions.of(Split.TEST).withSize(SIDE, SIDE, 3))) {
      assertEquals(List.of(40, 10), values(train));
      assertEquals(List.of(20), values(test));
      assertEquals(train.classNames(), test.classNames());
      assertEquals("two", test.classNames().get(test.label(0)));
    }
  }

  @Test
  void captionsAreDrawnByNumberAlone() throws IOException {
    wholeTable();
    CaptionTexts texts = open().texts();
    Set<String> drawn = new HashSet<>();
    assertEquals(texts.draw(0, 7, 2999), open().texts().draw(0, 7, 2999));
    int plain = 0;
    for (long example = 0; example < 3000; example++) {
      String caption = texts.all().get(texts.draw(0, 7, example));
      drawn.add(caption);
      plain += caption.equals("three") ? 1 : 0;
    }
    assertEquals(1000, plain, 150, "each template is as likely as the others");
    assertTrue(drawn.containsAll(Set.of("three", "three, flat style")), drawn.toString());
    drawn.removeAll(Set.of("three", "three, flat style"));
    assertTrue(
        !drawn.isEmpty()
            && Set.of("number", "odd", "number, odd", "odd, number").containsAll(drawn),
        drawn.toString());
  }

  @Test
  void severalLinesAreSeveralCaptions() throws IOException {
    table("caption\tfile", "uno\ta/1.png", "deux\ta/2.png", "one\ta/1.png");
    CaptionedPictures pictures = open("train");
    assertEquals(2, pictures.count());
    assertEquals(List.of("uno", "one"), pictures.picture(0).captions());
    Set<Integer> drawn = new HashSet<>();
    for (long example = 0; example < 100; example++) {
      drawn.add(pictures.texts().draw(0, 1, example));
      assertEquals("deux", pictures.texts().all().get(pictures.texts().draw(1, 1, example)));
    }
    assertEquals(Set.of(0, 1), drawn);
    assertTrue(
        pictures.notes().getFirst().contains("2 pictures that captions.tsv does not name"),
        pictures.notes().toString());
    try (ImageDataset data = pictures.load(SMALL)) {
      assertEquals(List.of(folder.getFileName().toString()), data.classNames());
    }
  }

  @Test
  void captionsBesidePictures() throws IOException {
    Files.write(
        folder.resolve("a/1.txt"), "\ufeffeine Eins\n\n one \n".getBytes(StandardCharsets.UTF_8));
    Files.writeString(folder.resolve("b/3.png.txt"), "a three");
    Files.writeString(folder.resolve("a/2.txt"), "\n");
    Files.writeString(folder.resolve("b/3.webp"), "no picture that is read");
    CaptionedPictures pictures = open("train");
    assertEquals(2, pictures.count());
    assertEquals(List.of("eine Eins", "one"), pictures.picture(0).captions());
    assertEquals("a three", pictures.texts().all().get(pictures.texts().own(1)));
    assertEquals(2, pictures.notes().size(), pictures.notes().toString());
    assertTrue(pictures.notes().get(0).contains("2 pictures without a caption"));
    assertTrue(pictures.notes().get(1).contains("1 .webp"), pictures.notes().get(1));
    Files.write(folder.resolve("a/2.txt"), new byte[] {'a', '\n', (byte) 0xff});
    assertRefused("a/2.txt: line 2: is not UTF-8");
  }

  @Test
  void weightsDecideTheOrder() throws IOException {
    wholeTable();
    CaptionedPictures pictures = open();
    assertEquals(3, pictures.order(3).examplesPerEpoch(), "0.5 + 1 + 1, rounded");
    int halves = 0;
    for (long example = 0; example < 6000; example++) {
      halves += pictures.order(3).at(example) == 0 ? 1 : 0;
    }
    assertEquals(1200, halves, 120);
  }

  @Test
  void theDigestKnowsWhatIsLearned() throws IOException {
    wholeTable();
    String before = open().sha256();
    assertEquals(before, open().sha256());
    assertNotEquals(before, open("train").sha256());
    assertNotEquals(
        before,
        CaptionedPictures.open(
                folder,
                CaptionOptions.training()
                    .withSplits()
                    .withTemplates(CaptionTemplate.list(List.of("{label}"))))
            .sha256());
    Path table = folder.resolve("captions.tsv");
    Files.writeString(table, Files.readString(table).replace("0.5", "0.6"));
    assertNotEquals(before, open().sha256());
  }

  private void assertRefused(String expected, String... splits) {
    String message =
        assertThrows(
                DataException.class,
                () -> open(splits.length == 0 ? new String[] {"train"} : splits))
            .getMessage();
    assertTrue(message.contains(expected), message);
    assertEquals(1, message.lines().count(), message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "file;label|line 1: expected columns apart by tabs, file and caption among them",
        "file;caption;Caption |line 1: column 3 has the name of another one: caption",
        "file;;caption|line 1: column 2 has no name",
        "file;caption|has a header and no picture",
        "file;caption/a/1.png;x;y|line 2: 3 columns; the header has 2",
        "file;caption/a/1.png|line 2: has no caption",
        "file;caption/a/1.png; |line 2: has no caption",
        "file;caption/;x|line 2: has no file",
        "file;caption/../x.png;x|line 2: file \"../x.png\"; expected a path below",
        "file;caption/a/9.png;x/a/8.png;x|a/9.png is not there; there are 2 such",
        "file;caption;weight/a/1.png;x;-1|line 2: weight \"-1\"; expected a number from",
        "file;caption;weight/a/1.png;x;NaN|line 2: weight \"NaN\"",
        "file;caption;weight/a/1.png;x;1e9|line 2: weight \"1e9\"",
        "file;caption;split/a/1.png;x;a/b|line 2: split",
        "file;caption;style/a/1.png;x;p/a/1.png;y;q|line 3: the file of line 2 with other values",
      })
  void refusesTablesNamingTheLine(String lines, String expected) throws IOException {
    String[] rows = lines.split("/(?=a/|\\.\\.|;)");
    table(String.join("\n", rows).replace(';', '\t'));
    assertRefused(expected);
  }

  @Test
  void refusesWhatIsNotThere() throws IOException {
    assertRefused("found 4 pictures without any");
    wholeTable();
    assertRefused("no picture is of the split \"none\"; there are held-out-pair, train", "none");
    CaptionOptions captions =
        CaptionOptions.training().withTemplates(CaptionTemplate.list(List.of("{colour}")));
    String message =
        assertThrows(DataException.class, () -> CaptionedPictures.open(folder, captions))
            .getMessage();
    assertTrue(message.contains("no picture has \"colour\"; there are caption, label"), message);
    table("file\tcaption", "a/1.png\t" + "x".repeat(10_001));
    assertRefused("line 2: a caption of 10001 characters");
  }
}
