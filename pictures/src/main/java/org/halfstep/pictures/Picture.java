package org.halfstep.pictures;

import java.util.List;

/**
 * A picture to draw, and what is known of it.
 *
 * @param style how it is drawn: the word of captions
 * @param key name of its files, unique within the style: {@code 1f600}
 * @param codePoint what it is a picture of in Unicode, or nothing
 * @param concept what is held out together: an emoji with all its skin tones
 * @param label what it shows
 * @param tags keywords
 * @param group a few dozen at most, or nothing
 * @param weight how often it is learned from
 * @param source its drawing
 */
record Picture(
    String style,
    String key,
    String codePoint,
    String concept,
    String label,
    List<String> tags,
    String group,
    double weight,
    Source source) {
  Picture {
    tags = List.copyOf(tags);
  }

  /** Its caption where none is drawn from templates. */
  String caption() {
    return label + ", " + style + " style";
  }
}
