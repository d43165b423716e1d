package org.halfstep.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CaptionTemplateTest {
  private static CaptionedPicture picture(String file, Map<String, String> columns) {
    return new CaptionedPicture(Path.of(file), Map.of(), List.of("a cat", "one cat"), columns, 1);
  }

  private static List<String> captions(String template, CaptionedPicture picture) {
    return List.copyOf(new CaptionTemplate(template).captions(picture));
  }

  @Test
  void namesAreReplacedByWhatTheColumnsSay() {
    CaptionedPicture cat =
        picture("1.png", Map.of("label", "cat {x}", "style", "flat", "code point", "1F408"));
    assertEquals(List.of("cat {x}, flat style"), captions("{label}, {Style} style", cat));
    assertEquals(List.of("1F408flat"), captions("{ code point }{style}", cat));
    assertEquals(List.of("a photo"), captions(" a photo ", cat));
    assertEquals(List.of("a cat!", "one cat!"), captions("{caption}!", cat));
    assertEquals(List.of(), captions("{label} of {group}", cat));
    assertEquals(List.of(), captions("{tags}", cat));
  }

  @Test
  void keywordsAreSomeOfTheTags() {
    List<String> tags = List.of("animal", "pet", "fur", "paw", "tail", "meow");
    CaptionedPicture cat = picture("1.png", Map.of("tags", String.join(" , ", tags) + ", "));
    assertEquals(tags, cat.tags());
    List<String> made = captions("{tags}", cat);
    assertTrue(made.size() > 1 && made.size() <= 3, made.toString());
    for (String caption : made) {
      List<String> chosen = List.of(caption.split(", "));
      assertTrue(chosen.size() <= 4 && tags.containsAll(chosen), caption);
      assertEquals(chosen.size(), new HashSet<>(chosen).size(), caption);
    }
    CaptionedPicture other = picture("2.png", Map.of("tags", String.join(",", tags)));
    assertEquals(made, captions("{tags}", other), "the same texts for the same tags");
    assertEquals(
        Set.of("pet"), Set.copyOf(captions("{tags}", picture("3.png", Map.of("tags", "pet")))));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "{label", "label}", "{}", "{a{b}}", "{a.b}", "{{label}}"})
  void refusesWhatIsNoTemplate(String text) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> new CaptionTemplate(text)).getMessage();
    assertEquals(1, message.lines().count(), message);
  }
}
