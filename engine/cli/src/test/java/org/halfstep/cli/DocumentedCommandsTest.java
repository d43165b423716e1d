package org.halfstep.cli;

import static org.halfstep.cli.Commands.halfstep;
import static org.halfstep.cli.Commands.succeeds;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.halfstep.fixtures.FixtureFolders;
import org.halfstep.image.PngFile;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * The commands for latent models that the pages show, as they stand there: on the small models of
 * {@code convert --tiny}, and on the checkpoints of the reference data where they are. Models,
 * pictures and places are exchanged, and steps are few.
 */
class DocumentedCommandsTest {
  private static final Path ROOT = Path.of("../..");
  private static final List<String> PAGES =
      List.of("README.md", "docs/pictures.md", "docs/int8.md");
  private static final Pattern COMMAND =
      Pattern.compile("^ {4}(?:bin/)?halfstep +((?:sample|edit|inpaint|quantize) .*)$");
  private static final Pattern WORD = Pattern.compile("'([^']*)'|\"([^\"]*)\"|(\\S+)");
  private static final int SIDE = 64;

  @TempDir private static Path folder;

  /**
   * Models that stand for those of the pages.
   *
   * @param plain an ordinary model
   * @param painter one that was made for inpainting, or another
   */
  private record Models(String name, Path plain, Path painter) {}

  private static List<Models> models;

  @BeforeAll
  static void write() throws IOException {
    Path tiny = folder.resolve("tiny");
    succeeds("convert", "--tiny", tiny);
    for (String name : List.of("house.png", "dog.png", "mask.png")) {
      BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
      for (int i = 0; i < SIDE * SIDE; i++) {
        image.setRGB(i % SIDE, i / SIDE, i % SIDE < SIDE / 2 ? 0 : 0xffffff);
      }
      PngFile.write(folder.resolve(name), image, Map.of());
    }
    models = new ArrayList<>();
    models.add(new Models("tiny", tiny.resolve("diffusers"), tiny.resolve("inpainting")));
    for (Path fixtures : FixtureFolders.present()) {
      for (String name : List.of("sd1", "sd2")) {
        Path model = fixtures.resolve("checkpoint").resolve(name).resolve("diffusers");
        if (Files.isDirectory(model)) {
          models.add(new Models(name, model, model));
        }
      }
    }
  }

  /** The lines of a page that are commands for latent models; such a line goes on after a \. */
  private static List<String> commands(String page) throws IOException {
    String text = Files.readString(ROOT.resolve(page)).replaceAll("\\\\\\R *", "");
    return text.lines()
        .map(COMMAND::matcher)
        .filter(Matcher::matches)
        .map(command -> command.group(1))
        .filter(command -> command.matches(".*--model (sd15|out/tiny).*"))
        .toList();
  }

  private static List<Object> words(String command, Models of) {
    List<Object> words = new ArrayList<>();
    Matcher matcher = WORD.matcher(command);
    String before = "";
    while (matcher.find()) {
      String word = Stream.of(1, 2, 3).map(matcher::group).filter(g -> g != null).findFirst().get();
      words.add(exchanged(before, word, of));
      before = word;
    }
    if (command.startsWith("quantize")) {
      words.addAll(List.of("--images", 2));
    } else {
      words.addAll(List.of("--steps", 2));
    }
    return words;
  }

  private static Object exchanged(String option, String word, Models of) {
    return switch (option) {
      case "--model" ->
          switch (word) {
            case "sd15", "out/tiny/diffusers" -> of.plain();
            case "sd15-inpainting", "out/tiny/inpainting" -> of.painter();
            case "sd15-int8" -> folder.resolve(of.name()).resolve(word);
            default -> throw new IllegalStateException("an unknown model: " + word);
          };
      case "--image", "--mask" -> folder.resolve(word.replace(".jpg", ".png"));
      case "--size" -> word.equals("512x512") ? SIDE + "x" + SIDE : word;
      case "--out", "--grid", "--beside", "--strip" -> folder.resolve(of.name()).resolve(word);
      default -> word;
    };
  }

  @TestFactory
  List<DynamicTest> commandsRunAsTheyStand() throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    for (Models each : models) {
      for (String page : PAGES) {
        List<String> commands = commands(page);
        assertTrue(commands.size() >= 2, page + " has no commands for latent models");
        for (String command : commands) {
          tests.add(
              DynamicTest.dynamicTest(
                  each.name() + ": " + command,
                  () -> {
                    List<Object> words = words(command, each);
                    if (!words.contains("--out") && !words.contains("--grid")) {
                      words.addAll(List.of("--grid", folder.resolve(each.name() + ".png")));
                    }
                    succeeds(words.toArray());
                  }));
        }
      }
      tests.add(
          DynamicTest.dynamicTest(
              each.name() + ": doctor",
              () -> {
                Commands.Outcome outcome = halfstep("doctor", each.plain());
                assertEquals("", outcome.err());
                assertTrue(outcome.out().contains("UNet: guided with w = 0"), outcome.out());
              }));
    }
    return tests;
  }
}
