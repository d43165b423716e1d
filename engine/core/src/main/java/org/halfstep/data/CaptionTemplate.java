package org.halfstep.data;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.SequencedSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.halfstep.random.Permutation;
import org.halfstep.random.Philox;

/**
 * How a caption is made of what is known of a picture: text with names of columns in braces, as in
 * {@code {label}, {style} style}. {@code {caption}} stands for each of the picture's captions,
 * {@code {tags}} for one to four of its tags.
 */
public final class CaptionTemplate {
  private static final Pattern PLACE = Pattern.compile("\\{([\\p{L}\\p{N} _-]{1,64})\\}");
  private static final int LONGEST = 1_000;

  /** Choices of tags that a picture has: few, so that there are few texts to encode. */
  private static final int TAG_CHOICES = 3;

  private static final int MOST_TAGS = 4;

  private final String text;

  /** What stands before, between and after the columns. */
  private final List<String> literals = new ArrayList<>();

  private final List<String> columns = new ArrayList<>();

  /**
   * @param text of at most 1000 characters
   * @throws IllegalArgumentException when it is blank, or a brace encloses no name
   */
  public CaptionTemplate(String text) {
    if (text.isBlank() || text.length() > LONGEST) {
      throw new IllegalArgumentException(
          "a caption's template has " + text.length() + " characters; expected 1 to " + LONGEST);
    }
    this.text = text.strip();
    Matcher places = PLACE.matcher(this.text);
    int done = 0;
    while (places.find()) {
      literals.add(this.text.substring(done, places.start()));
      columns.add(CaptionedPicture.columnName(places.group(1)));
      done = places.end();
    }
    literals.add(this.text.substring(done));
    if (literals.stream().anyMatch(literal -> literal.contains("{") || literal.contains("}"))) {
      throw new IllegalArgumentException(
          "\""
              + text
              + "\": expected names of columns in braces, as in \"{label}, {style} style\"");
    }
  }

  /** Several templates from their texts. */
  public static List<CaptionTemplate> list(List<String> texts) {
    return texts.stream().map(CaptionTemplate::new).toList();
  }

  /** Names of the columns that it needs. */
  List<String> columns() {
    return List.copyOf(columns);
  }

  /** What a picture may be called by it: nothing where it lacks what the template needs. */
  SequencedSet<String> captions(CaptionedPicture picture) {
    List<String> begun = List.of(literals.getFirst());
    for (int i = 0; i < columns.size(); i++) {
      String after = literals.get(i + 1);
      List<String> longer = new ArrayList<>();
      for (String start : begun) {
        values(picture, columns.get(i)).forEach(value -> longer.add(start + value + after));
      }
      begun = longer;
    }
    return new LinkedHashSet<>(begun);
  }

  private static List<String> values(CaptionedPicture picture, String column) {
    return switch (column) {
      case CaptionedPicture.CAPTION -> picture.captions();
      case CaptionedPicture.TAGS -> tagChoices(picture.tags());
      default -> picture.value(column).isEmpty() ? List.of() : List.of(picture.value(column));
    };
  }

  /** The same for the same tags, whatever picture has them, so that pictures share their texts. */
  private static List<String> tagChoices(List<String> tags) {
    if (tags.isEmpty()) {
      return List.of();
    }
    long key = 0;
    for (char letter : String.join(",", tags).toCharArray()) {
      key = Philox.childSeed(key, letter);
    }
    SequencedSet<String> choices = new LinkedHashSet<>();
    for (int choice = 0; choice < TAG_CHOICES; choice++) {
      int count = 1 + Philox.bounded(key, choice, 0, 0, Math.min(MOST_TAGS, tags.size()));
      Permutation order = new Permutation(key, choice, tags.size());
      List<String> chosen = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        chosen.add(tags.get((int) order.at(i)));
      }
      choices.add(String.join(", ", chosen));
    }
    return List.copyOf(choices);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof CaptionTemplate template && template.text.equals(text);
  }

  @Override
  public int hashCode() {
    return text.hashCode();
  }

  /** The text. */
  @Override
  public String toString() {
    return text;
  }
}
