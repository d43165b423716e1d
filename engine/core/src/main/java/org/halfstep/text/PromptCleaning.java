package org.halfstep.text;

import java.text.Normalizer;
import java.util.ArrayList;
import java.util.List;

/**
 * What happens to a prompt before it is cut into words. The two ways that are in use differ on
 * unusual text alone.
 */
public enum PromptCleaning {
  /**
   * As transformers' CLIPTokenizer does without the package ftfy, and so all pipelines of
   * diffusers: control characters are dropped, ideographs stand apart, accents are composed (NFC),
   * entities of HTML stay.
   */
  TRANSFORMERS {
    @Override
    List<String> pieces(String prompt) {
      List<String> pieces = new ArrayList<>();
      // A special token stands for itself only as it is written here: it is cut out first.
      int from = 0;
      for (int i = 0; i < prompt.length(); ) {
        String special = ClipWords.special(prompt, i);
        if (special == null) {
          i++;
          continue;
        }
        pieces.add(clean(prompt.substring(from, i)));
        pieces.add(special);
        i += special.length();
        from = i;
      }
      pieces.add(clean(prompt.substring(from)));
      return pieces;
    }

    private String clean(String text) {
      StringBuilder kept = new StringBuilder(text.length() + 8);
      text.codePoints()
          .forEach(
              c -> {
                if (c == '\t' || c == '\n' || c == '\r' || isSpace(c)) {
                  kept.append(' ');
                } else if (CodePoints.isIdeograph(c)) {
                  kept.append(' ').appendCodePoint(c).append(' ');
                } else if (!CodePoints.isDropped(c) && !CodePoints.isUnassigned(c)) {
                  kept.appendCodePoint(c);
                }
              });
      return Lowercase.of(Normalizer.normalize(kept, Normalizer.Form.NFC));
    }

    private boolean isSpace(int c) {
      return Character.getType(c) == Character.SPACE_SEPARATOR;
    }
  },

  /**
   * As CLIP's and OpenCLIP's own tokenizers do, less the repairs of the package ftfy: entities of
   * HTML are undone, twice.
   */
  OPENAI {
    @Override
    List<String> pieces(String prompt) {
      return List.of(Lowercase.of(HtmlEntities.unescape(HtmlEntities.unescape(prompt))));
    }
  };

  /** The cleaned text in parts that are cut into words each by itself. */
  abstract List<String> pieces(String prompt);
}
