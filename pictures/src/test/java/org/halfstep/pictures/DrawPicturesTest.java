package org.halfstep.pictures;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.halfstep.data.CaptionOptions;
import org.halfstep.data.CaptionedPicture;
import org.halfstep.data.CaptionedPictures;
import org.halfstep.data.DatasetOptions;
import org.halfstep.data.ImageDataset;
import org.halfstep.data.Split;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From the files of the sets to a dataset. */
class DrawPicturesTest {
  @TempDir Path folder;

  private Path from;
  private Path to;
  private String printed;

  @BeforeEach
  void sets() throws IOException {
    from = folder.resolve("sources");
    to = folder.resolve("pictures");
    write(
        "emojibase/en/messages.json",
        "{'groups': [{'key': 'p', 'message': 'people & body', 'order': 1},"
            + " {'key': 'o', 'message': 'objects', 'order': 7}]}");
    write(
        "emojibase/en/data.json",
        "[{'hexcode': '1F44B', 'label': 'waving hand', 'tags': ['hello', 'wave'], 'group': 1,"
            + " 'skins': [{'hexcode': '1F44B-1F3FB', 'label': 'waving hand: light skin tone'}]},"
            + " {'hexcode': '2600-FE0F', 'label': 'sun', 'group': 7}]");
    icons("twemoji", "1f44b", "1f44b-1f3fb", "2600", "1f9ff");
    icons("noto", "1f44b", "2600-fe0f");
    write(
        "openclipart/animals/A cat!.svg",
        """
        <svg xmlns="http://www.w3.org/2000/svg" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
            xmlns:cc="http://web.resource.org/cc/" xmlns:dc="http://purl.org/dc/elements/1.1/"
            width="100" height="50">
          <metadata><rdf:RDF><cc:Work>
            <dc:creator><cc:Agent><dc:title>Somebody</dc:title></cc:Agent></dc:creator>
            <dc:title>A  cat
            </dc:title>
            <dc:subject><rdf:Bag><rdf:li>animal</rdf:li><rdf:li>cat, tabby</rdf:li><rdf:li/></rdf:Bag></dc:subject>
          </cc:Work></rdf:RDF></metadata>
          <rect width="100" height="50" fill="#0000ff"/>
        </svg>
        """);
    write("openclipart/untitled.svg", svg("red"));
    write(
        "openclipart/empty.svg",
        Files.readString(from.resolve("openclipart/animals/A cat!.svg"))
            .replace("#0000ff", "white"));
  }

  private void write(String name, String text) throws IOException {
    Path file = from.resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, name.endsWith(".json") ? text.replace('\'', '"') : text);
  }

  private static String svg(String colour) {
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\">"
        + "<rect width=\"9\" height=\"9\" fill=\""
        + colour
        + "\"/></svg>";
  }

  /** Squares in red, the last code by an alias. */
  private void icons(String set, String... codes) throws IOException {
    StringBuilder characters = new StringBuilder();
    StringBuilder icons = new StringBuilder();
    for (String code : codes) {
      boolean last = code.equals(codes[codes.length - 1]);
      characters.append(characters.isEmpty() ? "" : ", ");
      characters.append("'" + code + "': '" + (last ? "alias-" + set : "icon-" + code) + "'");
      icons.append(icons.isEmpty() ? "" : ", ");
      icons.append("'icon-" + code + "': {'body': '<path fill=\\'red\\' d=\\'M0 0h9v9h-9z\\'/>'}");
    }
    write(set + "/chars.json", "{" + characters + "}");
    String file =
        "{'prefix': 'x', 'icons': {"
            + icons
            + "}, 'aliases': {'alias-"
            + set
            + "': {'parent': 'icon-"
            + codes[codes.length - 1]
            + "'}}, 'width': 9, 'height': 9}";
    write(set + "/icons.json", file.replace("\\'", "\\\""));
  }

  private int draw(String... more) {
    StringWriter text = new StringWriter();
    List<String> arguments =
        new java.util.ArrayList<>(List.of("--from", from.toString(), "--out", to.toString()));
    arguments.addAll(List.of(more));
    int code =
        DrawPictures.line()
            .setOut(new PrintWriter(text))
            .setErr(new PrintWriter(text))
            .execute(arguments.toArray(String[]::new));
    printed = text.toString();
    return code;
  }

  private CaptionedPictures open() throws IOException {
    return CaptionedPictures.open(to, new CaptionOptions(Set.of(), List.of()));
  }

  private static CaptionedPicture find(CaptionedPictures pictures, String label, String style) {
    for (int i = 0; i < pictures.count(); i++) {
      CaptionedPicture picture = pictures.picture(i);
      if (picture.label().equals(label) && picture.style().equals(style)) {
        return picture;
      }
    }
    throw new AssertionError(label + " in " + style + " is missing");
  }

  @Test
  void whatIsDrawnIsADataset() throws IOException {
    assertEquals(0, draw(), () -> printed);
    CaptionedPictures pictures = open();
    assertEquals(6, pictures.count(), printed);
    assertEquals(List.of(), pictures.notes());
    CaptionedPicture hand = find(pictures, "waving hand", "twemoji");
    assertEquals(List.of("waving hand, twemoji style"), hand.captions());
    assertEquals(List.of("hello", "wave"), hand.tags());
    assertEquals("people & body", hand.value("group"));
    assertEquals(1, hand.weight());
    CaptionedPicture light = find(pictures, "waving hand: light skin tone", "twemoji");
    assertEquals(0.2, light.weight());
    assertEquals("1F44B 1F3FB", light.value("code point"));
    assertEquals("objects", find(pictures, "sun", "noto").value("group"));
    assertEquals(List.of("animal", "cat tabby"), find(pictures, "A cat", "clip art").tags());
    for (int side : new int[] {64, 128}) {
      try (ImageDataset data =
          pictures.load(DatasetOptions.of(Split.TRAIN).withSize(side, side, 3))) {
        byte[] pixels = data.batch(pictures.count() - 1).pixels();
        assertEquals(-1, pixels[0], "white above the cat");
        assertEquals(0, pixels[side * side / 2 * 3], "blue in the middle");
        assertEquals(-1, pixels[side * side / 2 * 3 + 2]);
        assertEquals(0, data.batch(0).pixels()[1], "red");
      }
    }
  }

  @Test
  void whatIsLeftOutIsSaid() {
    assertEquals(0, draw(), () -> printed);
    assertTrue(printed.contains("twemoji: 2 drawings have no name"), printed);
    assertTrue(printed.contains("left out: clip art empty: is blank"), printed);
    assertTrue(printed.contains("| clip art | 1 | 0 | 0 | 0 | 1 |"), printed);
    assertTrue(printed.contains("| all | 6 | 1 |"), printed);
  }

  @Test
  void creditsNameMakersAndLicences() throws IOException {
    assertEquals(0, draw(), () -> printed);
    String credits = Files.readString(to.resolve("CREDITS.md"));
    assertTrue(
        credits.contains("| twemoji | Twemoji | Twitter, Inc and other contributors | [CC-BY-4.0]"),
        credits);
    assertTrue(credits.contains("| noto | Noto Emoji | Google Inc | [Apache-2.0]"), credits);
    assertFalse(credits.contains("Microsoft"), "a set that is not there is not credited");
  }

  @Test
  void shareAlikeSetsAreAskedFor() throws IOException {
    icons("openmoji", "1f44b", "2600");
    assertEquals(0, draw(), () -> printed);
    assertEquals(6, open().count());
    to = folder.resolve("more");
    assertEquals(0, draw("--share-alike"), () -> printed);
    assertEquals(8, open().count());
    assertTrue(Files.readString(to.resolve("CREDITS.md")).contains("CC-BY-SA-4.0"));
  }

  @Test
  void damageIsSaidInOneLine() throws IOException {
    write("noto/icons.json", "{'icons': {'sun': {'body': 7}}}");
    assertEquals(1, draw());
    assertEquals(1, printed.lines().count(), printed);
    assertTrue(printed.contains("noto/icons.json: the icon sun has no body"), printed);
    write("noto/icons.json", "{'icons': {'a': {}}, 'aliases': {'sun': {'parent': 'sun'}}}");
    assertEquals(1, draw());
    assertTrue(printed.contains("noto/icons.json: has no icon sun"), printed);
    write("emojibase/en/data.json", "[");
    assertEquals(1, draw());
    assertTrue(printed.contains("emojibase/en/data.json"), printed);
    Files.createDirectories(to);
    assertEquals(1, draw());
    assertTrue(printed.contains("is there already"), printed);
  }
}
