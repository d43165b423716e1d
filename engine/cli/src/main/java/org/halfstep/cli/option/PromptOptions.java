package org.halfstep.cli.option;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.halfstep.cli.console.InputException;
import org.halfstep.sample.Condition;
import org.halfstep.sample.SampleRequest;
import picocli.CommandLine.Option;

/** What pictures of a latent model show, and how large they are. */
public final class PromptOptions {
  private static final Pattern SIZE = Pattern.compile("(\\d{1,5})[xX](\\d{1,5})");

  @Option(
      names = "--prompt",
      paramLabel = "TEXT",
      description = "What a picture shows, for models of texts; again for another picture.")
  private List<String> prompts = List.of();

  @Option(
      names = "--negative",
      paramLabel = "TEXT",
      defaultValue = "",
      description = "What guidance leads away from (default: the empty text).")
  private String negative;

  @Option(
      names = "--size",
      paramLabel = "WxH",
      description = "Width and height in pixels (default: what the model was made for).")
  private String size;

  /** Whether anything was given. */
  public boolean isGiven() {
    return !prompts.isEmpty() || !negative.isEmpty() || size != null;
  }

  /** The texts, as they were typed. */
  public List<String> prompts() {
    return prompts;
  }

  /** What guidance leads away from, as it was typed. */
  public String negative() {
    return negative;
  }

  /**
   * The texts in turn.
   *
   * @throws InputException when there is none
   */
  public Condition condition(int count) {
    List<String> inTurn = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      inTurn.add(requirePrompts().get(i % prompts.size()));
    }
    return Condition.prompts(inTurn, negative);
  }

  /** Texts from elsewhere, one for each image. */
  public Condition condition(List<String> texts) {
    return Condition.prompts(texts, negative);
  }

  /** The texts. */
  public List<String> requirePrompts() {
    if (prompts.isEmpty()) {
      throw new InputException("this model makes pictures of texts: say which with --prompt TEXT");
    }
    return prompts;
  }

  /** Width and height that were given; null for none. */
  public int[] size() {
    return size == null ? null : size(size);
  }

  /**
   * Width and height as a person writes them.
   *
   * @throws InputException when they are none
   */
  public static int[] size(String size) {
    Matcher numbers = SIZE.matcher(size.strip());
    if (!numbers.matches()) {
      throw new InputException(
          "--size must be a width and a height in pixels, such as 512x768, got \"" + size + "\"");
    }
    return new int[] {
      Bounds.whole("--size", Integer.parseInt(numbers.group(1)), 1, SampleRequest.MOST_SIDE),
      Bounds.whole("--size", Integer.parseInt(numbers.group(2)), 1, SampleRequest.MOST_SIDE)
    };
  }

  /** A request in the size that was given. */
  public SampleRequest sized(SampleRequest request) {
    int[] sides = size();
    return sides == null ? request : request.withSize(sides[1], sides[0]);
  }
}
