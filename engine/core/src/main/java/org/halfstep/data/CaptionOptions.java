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
 */
public record CaptionOptions(Set<String> splits, List<CaptionTemplate> templates) {
  /** Label alone, label with style, keywords. */
  public static final List<CaptionTemplate> LABELLED =
      CaptionTemplate.list(List.of("{label}", "{label}, {style} style", "{tags}"));

  public CaptionOptions {
    splits = Set.copyOf(splits);
    templates = List.copyOf(templates);
  }

  /** What is learned from, with the usual captions. */
  public static CaptionOptions training() {
    return new CaptionOptions(Set.of(CaptionedPicture.TRAIN), List.of());
  }

  /** The same with other splits; none for all. */
  public CaptionOptions withSplits(String... names) {
    return new CaptionOptions(Set.of(names), templates);
  }

  /** The same with other captions. */
  public CaptionOptions withTemplates(List<CaptionTemplate> others) {
    return new CaptionOptions(splits, others);
  }
}
