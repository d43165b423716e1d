package org.halfstep.data;

import java.util.List;
import java.util.Set;

/**
 * What to take of captioned pictures.
 *
 * @param splits names of the splits wanted; empty for all
 * @param templates what captions are drawn from, each as likely as the others, one that stands
 *     twice twice as likely; empty for {@link #LABELLED} where a picture has a label and {@code
 *     {caption}} where it has none
 * @param most pictures that are taken, evenly spread over all; 0 for all
 */
public record CaptionOptions(Set<String> splits, List<CaptionTemplate> templates, int most) {
  /** Label alone, label with style, keywords. */
  public static final List<CaptionTemplate> LABELLED =
      CaptionTemplate.list(List.of("{label}", "{label}, {style} style", "{tags}"));

  public CaptionOptions {
    splits = Set.copyOf(splits);
    templates = List.copyOf(templates);
    if (most < 0) {
      throw new IllegalArgumentException("expected a number of pictures, got " + most);
    }
  }

  /** All pictures of some splits. */
  public CaptionOptions(Set<String> splits, List<CaptionTemplate> templates) {
    this(splits, templates, 0);
  }

  /** What is learned from, with the usual captions. */
  public static CaptionOptions training() {
    return new CaptionOptions(Set.of(CaptionedPicture.TRAIN), List.of(), 0);
  }

  /** The same with other splits; none for all. */
  public CaptionOptions withSplits(String... names) {
    return new CaptionOptions(Set.of(names), templates, most);
  }

  /** The same with other captions. */
  public CaptionOptions withTemplates(List<CaptionTemplate> others) {
    return new CaptionOptions(splits, others, most);
  }

  /** The same with so many pictures at most. */
  public CaptionOptions withMost(int pictures) {
    return new CaptionOptions(splits, templates, pictures);
  }
}
