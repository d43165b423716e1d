package org.halfstep.doctor;

import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.halfstep.text.ClipTokenizer;

/** Whether texts become the ids that CLIP's own tokenizer gives. */
final class TokenizerExamination {
  private static final int PUBLISHED = 49_408;
  private static final Map<String, int[]> KNOWN =
      new TreeMap<>(
          Map.of(
              "a photograph of an astronaut riding a horse",
              new int[] {320, 8853, 539, 550, 18376, 6765, 320, 4558},
              "A  Photo of\n a CAT!",
              new int[] {320, 1125, 539, 320, 2368, 256}));

  private TokenizerExamination() {}

  static void run(ClipTokenizer tokenizer, Consumer<Finding> findings) {
    boolean isPublished = tokenizer.size() == PUBLISHED;
    findings.accept(
        Finding.estimated(
            "tokenizer: entries", isPublished, "" + tokenizer.size(), PUBLISHED + ", as CLIP has"));
    if (!isPublished) {
      findings.accept(
          Finding.skipped("tokenizer: known texts", "known for CLIP's vocabulary alone"));
      return;
    }
    KNOWN.forEach(
        (text, ids) -> {
          int[] found = tokenizer.encode(text);
          findings.accept(
              Finding.certain(
                  "tokenizer: \"" + text.replace("\n", "\\n") + "\"",
                  Arrays.equals(found, ids),
                  words(found),
                  words(ids)));
        });
  }

  private static String words(int... ids) {
    return Arrays.stream(ids).mapToObj(Integer::toString).collect(Collectors.joining(" "));
  }
}
