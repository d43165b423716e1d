package org.halfstep.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

/** What of a prompt is said not to be used. */
class PromptNoticesTest {
  private static final ClipTokenizer BYTES =
      ClipTokenizer.of(List.<String[]>of(new String[] {"a", "b</w>"}));

  private static List<String> notices(String prompt) {
    return PromptNotices.of(prompt, BYTES.sequence(prompt, 77));
  }

  @Test
  void ordinaryPromptsNeedNone() {
    for (String prompt :
        List.of("", "a cat (on a mat)", "at 10:30", "5 < 6 > 4", "f(x) = 1.3", "[sic]", "a: b")) {
      assertEquals(List.of(), notices(prompt), prompt);
    }
    assertEquals(List.of(), notices("<|endoftext|>"));
  }

  @Test
  void weightsAndEmbeddingsAreNamed() {
    assertEquals(
        List.of("weights of words are not used; read as it is written: \"(red cat:1.3)\""),
        notices("a (red cat:1.3) on a (mat: .8)"));
    assertEquals(
        List.of("weights of words are not used; read as it is written: \"((cat))\""),
        notices("a ((cat))"));
    String files = "embeddings and other files named in a prompt are not used; ";
    assertEquals(
        List.of(files + "read as it is written: \"<lora:pixel:0.8>\""),
        notices("a cat <lora:pixel:0.8>"));
    assertEquals(
        List.of(files + "read as it is written: \"embedding:bad-hands\""),
        notices("embedding:bad-hands"));
    assertEquals(2, notices("(a:1) <b>").size());
  }

  @Test
  void whatIsCutIsShownInALineOfBoundedLength() {
    List<String> lines = notices("ab ".repeat(75) + "x y\u202ez" + " ab".repeat(100));
    assertEquals(1, lines.size());
    assertTrue(lines.getFirst().startsWith("the prompt has more than 75 tokens; not used: \"x y"));
    assertTrue(lines.getFirst().endsWith("...\""));
    assertTrue(lines.getFirst().length() < 140);
    assertEquals(-1, lines.getFirst().indexOf('\u202e'));
  }
}
