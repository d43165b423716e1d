package org.halfstep.text;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.halfstep.files.Printable;

/**
 * What of a prompt a text encoder makes no use of, a line each: what does not fit, and what other
 * programs understand as more than words.
 */
public final class PromptNotices {
  private static final int LONGEST = 80;

  /** "(word:1.3)" and "((word))", which weigh words elsewhere. */
  private static final Pattern WEIGHT =
      Pattern.compile("\\([^()]*:\\s*[-+]?\\d*\\.?\\d+\\s*\\)|\\(\\([^()]+\\)\\)");

  /** "embedding:name", and "<name>", which are entries of files of their own elsewhere. */
  private static final Pattern EMBEDDING =
      Pattern.compile("\\bembedding:\\S+|<(?!\\|)[^\\s<>][^<>]*>");

  private PromptNotices() {}

  /**
   * The lines for one prompt; none for most.
   *
   * @param sequence what the tokenizer made of it
   */
  public static List<String> of(String prompt, TokenSequence sequence) {
    List<String> lines = new ArrayList<>();
    if (!sequence.lost().isEmpty()) {
      lines.add(
          "the prompt has more than "
              + (sequence.ids().length - 2)
              + " tokens; not used: "
              + quoted(sequence.lost()));
    }
    add(lines, WEIGHT, prompt, "weights of words are not used");
    add(lines, EMBEDDING, prompt, "embeddings and other files named in a prompt are not used");
    return lines;
  }

  private static void add(List<String> lines, Pattern pattern, String prompt, String what) {
    Matcher found = pattern.matcher(prompt);
    if (found.find()) {
      lines.add(what + "; read as it is written: " + quoted(found.group()));
    }
  }

  private static String quoted(String text) {
    String shown = text.length() > LONGEST ? text.substring(0, LONGEST) + "..." : text;
    return '"' + Printable.clean(shown) + '"';
  }
}
