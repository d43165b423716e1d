package org.halfstep.pictures;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.logging.LogManager;
import java.util.zip.GZIPOutputStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SvgDrawingTest {
  private static final int SIDE = 16;
  private static final String BOX = "width='16' height='16'/>";
  private static final int RED = 0xff0000;
  private static final int WHITE = 0xffffff;

  @TempDir Path folder;

  @BeforeAll
  static void quiet() {
    LogManager.getLogManager().reset();
  }

  private static BufferedImage draw(String attributes, String body) throws IOException {
    return whole(
        "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' "
            + attributes
            + ">"
            + body
            + "</svg>");
  }

  private static BufferedImage whole(String document) throws IOException {
    return SvgDrawing.of(document.getBytes(StandardCharsets.UTF_8)).draw(SIDE);
  }

  private static int at(BufferedImage image, int x, int y) {
    return image.getRGB(x, y) & 0xffffff;
  }

  @Test
  void drawsInTheMiddleOfAWhiteSquare() throws IOException {
    BufferedImage image =
        draw(
            "width='200' height='100' viewBox='10 10 20 10'",
            "<rect x='10' y='10' width='20' height='10' fill='red'/>");
    assertEquals(WHITE, at(image, 8, 3));
    assertEquals(RED, at(image, 0, 4));
    assertEquals(RED, at(image, 15, 11));
    assertEquals(WHITE, at(image, 8, 12));
  }

  @Test
  void edgesAreAntialiased() throws IOException {
    BufferedImage image =
        draw("width='16' height='16'", "<rect width='8.5' height='16' fill='black'/>");
    assertEquals(0, at(image, 7, 5));
    assertEquals(0x80, at(image, 8, 5) & 0xff, 1);
    assertEquals(WHITE, at(image, 9, 5));
  }

  /** A picture outside the document, by path, by address, and inside a pattern. */
  @Test
  void nothingOutsideTheDocumentIsRead() throws IOException {
    BufferedImage red = new BufferedImage(4, 4, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < 16; i++) {
      red.setRGB(i % 4, i / 4, RED);
    }
    Path file = folder.resolve("red.png");
    ImageIO.write(red, "png", file.toFile());
    for (String reference : new String[] {file.toString(), file.toUri().toString(), "red.png"}) {
      BufferedImage image =
          draw(
              "width='16' height='16'",
              "<image xlink:href='"
                  + reference
                  + "' href='"
                  + reference
                  + "' width='16' height='16'/>");
      assertEquals(WHITE, at(image, 8, 8), reference);
    }
    Files.writeString(
        folder.resolve("other.svg"),
        "<svg xmlns='http://www.w3.org/2000/svg'><rect id='r' width='16' height='16' fill='red'/></svg>");
    BufferedImage image =
        draw(
            "width='16' height='16'",
            "<use href='" + folder.resolve("other.svg").toUri() + "#r'/>");
    assertEquals(WHITE, at(image, 8, 8));
  }

  @Test
  void entitiesOfOthersAreNotRead() throws IOException {
    Path secret = Files.writeString(folder.resolve("secret"), "#ff0000");
    String document =
        "<!DOCTYPE svg [<!ENTITY x SYSTEM '"
            + secret.toUri()
            + "'>]><svg xmlns='http://www.w3.org/2000/svg' width='16' height='16'>"
            + "<style>rect { fill: &x;; }</style><rect width='16' height='16' fill='white'/></svg>";
    assertNotEquals(RED, at(whole(document), 8, 8));
  }

  /** As Illustrator writes them: namespaces and styles. */
  @Test
  void ownEntitiesAreRead() throws IOException {
    String document =
        "<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.0//EN' 'http://www.w3.org/TR/2001/svg10.dtd' ["
            + "<!ENTITY ns_svg 'http://www.w3.org/2000/svg'><!ENTITY st0 'fill:#ff0000;'>]>"
            + "<svg xmlns='&ns_svg;' width='16' height='16'>"
            + "<rect style='&st0;' width='16' height='16'/></svg>";
    assertEquals(RED, at(whole(document), 8, 8));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "<rect fill='red' " + BOX + "<rect fill='blue' " + BOX,
        "<a:pgf xmlns:a='urn:a'>x</a:pgf><rect fill='red' " + BOX,
        "<foreignObject requiredExtensions='urn:a'><a:r xmlns:a='urn:a'/></foreignObject>"
            + "<g a:x='self' xmlns:a='urn:a'><rect fill='red' "
            + BOX
            + "</g>",
        "<foreignObject/><rect fill='red' " + BOX,
        "<rect requiredExtensions='' fill='blue' " + BOX + "<rect fill='red' " + BOX,
        "<rect systemLanguage='de, fr' fill='blue' "
            + BOX
            + "<rect systemLanguage='fr, en-GB' fill='red' "
            + BOX,
        "<rect systemLanguage='' fill='blue' "
            + BOX
            + "<rect systemLanguage='EN' fill='red' "
            + BOX,
        "<rect systemLanguage='eng' fill='blue' " + BOX + "<rect fill='red' " + BOX,
        "<rect requiredFeatures='http://www.w3.org/TR/SVG11/feature#Shape"
            + " http://www.w3.org/TR/SVG11/feature#Gradient' fill='red' "
            + BOX,
        "<rect requiredFeatures='http://www.w3.org/TR/SVG11/feature#Shape"
            + " http://www.w3.org/TR/SVG11/feature#Animation' fill='blue' "
            + BOX
            + "<rect requiredFeatures='' fill='blue' "
            + BOX
            + "<rect fill='red' "
            + BOX,
        "<switch><rect systemLanguage='de' fill='blue' "
            + BOX
            + "<rect fill='red' "
            + BOX
            + "</switch>",
        "<g><use xlink:href='#r'/></g><rect id='r' fill='red' " + BOX,
      })
  void ofASwitchTheFirstChildThatFitsIsDrawn(String children) throws IOException {
    String box = "width='16' height='16'";
    assertEquals(RED, at(draw(box, "<switch>" + children + "</switch>"), 8, 8));
    String named = children.replaceAll("<(/?)(rect|g|use|switch|foreignObject)\\b", "<$1s:$2");
    String prefixed =
        "<s:svg xmlns:s='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' "
            + box
            + "><s:switch>"
            + named
            + "</s:switch></s:svg>";
    assertEquals(RED, at(whole(prefixed), 8, 8));
  }

  @Test
  void aSwitchOfWhichNothingFitsIsBlank() throws IOException {
    BufferedImage image =
        draw(
            "width='16' height='16'",
            "<switch><rect systemLanguage='de' fill='red' " + BOX + "</switch>");
    assertEquals(WHITE, at(image, 8, 8));
  }

  /** Ends soon, whatever it draws. */
  @Test
  void bombsAreBounded() throws IOException {
    StringBuilder uses = new StringBuilder("<defs><rect id='g0' width='1' height='1'/>");
    for (int i = 1; i <= 12; i++) {
      uses.append("<g id='g" + i + "'>");
      uses.append(("<use href='#g" + (i - 1) + "'/>").repeat(10));
      uses.append("</g>");
    }
    String bomb = uses + "</defs><use href='#g12'/>";
    assertRefused("draws more than 200000 things", bomb);
    assertRefused(
        "draws more than", "<g id='a'><use href='#b'/></g><g id='b'><use href='#a'/></g>");
    StringBuilder entities = new StringBuilder("<!DOCTYPE svg [<!ENTITY e0 'lol'>");
    for (int i = 1; i <= 12; i++) {
      entities.append("<!ENTITY e" + i + " '" + ("&e" + (i - 1) + ";").repeat(10) + "'>");
    }
    String lol =
        entities
            + "]><svg xmlns='http://www.w3.org/2000/svg' width='16' height='16'><text>&e12;</text></svg>";
    assertThrows(IOException.class, () -> whole(lol));
    String deep = "<g>".repeat(5000) + "</g>".repeat(5000);
    assertThrows(IOException.class, () -> draw("width='16' height='16'", deep));
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(packed)) {
      gzip.write(
          "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"
              .getBytes(StandardCharsets.UTF_8));
    }
    assertThrows(IOException.class, () -> SvgDrawing.of(packed.toByteArray()));
  }

  private static void assertRefused(String expected, String body) {
    String message =
        assertThrows(IOException.class, () -> draw("width='16' height='16'", body)).getMessage();
    assertTrue(message.contains(expected), message);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "no svg",
        "<svg",
        "<svg xmlns='http://www.w3.org/2000/svg'><g></svg>",
        "<svg xmlns='http://www.w3.org/2000/svg' width='0' height='10'/>",
        "<svg xmlns='http://www.w3.org/2000/svg' width='1e9' height='1e9'/>",
        "<svg xmlns='http://www.w3.org/2000/svg' width='NaN' height='-1'/>",
      })
  void refusesWhatIsNoDrawing(String document) {
    assertThrows(IOException.class, () -> whole(document));
  }
}
