package org.halfstep.pictures;

import java.util.List;
import java.util.TreeSet;

/** How many pictures of each style there are, and whose they are. */
final class Counts {
  private Counts() {}

  /** A line of the table. */
  private record Row(String style, long all, long skinTones, long pairs, long concepts) {
    static Row of(String style, List<Picture> pictures, HeldOut heldOut) {
      return new Row(
          style,
          pictures.size(),
          pictures.stream().filter(picture -> picture.weight() < 1).count(),
          split(pictures, heldOut, HeldOut.PAIR),
          split(pictures, heldOut, HeldOut.CONCEPT));
    }

    private static long split(List<Picture> pictures, HeldOut heldOut, String split) {
      return pictures.stream().filter(picture -> heldOut.split(picture).equals(split)).count();
    }

    @Override
    public String toString() {
      return "| %s | %d | %d | %d | %d | %d |"
          .formatted(style, all, skinTones, pairs, concepts, all - pairs - concepts);
    }
  }

  /** A table in Markdown: pictures, skin tones, held out. */
  static String table(List<PictureSet> sets, List<Picture> pictures, HeldOut heldOut) {
    StringBuilder table =
        new StringBuilder(
            "| style | pictures | of these skin tones | held-out pairs | held-out concepts | to learn"
                + " from |\n| --- | --- | --- | --- | --- | --- |\n");
    for (PictureSet set : sets) {
      List<Picture> own =
          pictures.stream().filter(picture -> picture.style().equals(set.style())).toList();
      table.append(Row.of(set.style(), own, heldOut)).append('\n');
    }
    return table.append(Row.of("all", pictures, heldOut)).append('\n').toString();
  }

  /** Whose the pictures are, under which licence, and what was done with them. */
  static String credits(List<PictureSet> sets, List<Picture> pictures, HeldOut heldOut) {
    StringBuilder text =
        new StringBuilder(
            """
            # Credits

            The pictures were drawn from the sets below on white, at 64 and 128 pixels; nothing else was changed.
            Name their makers where you show the pictures, or what a network made of them. Emoji are called what
            emojibase-data 17.0.0 (Miles Johnson, MIT) calls them; clip arts what their files do.

            | style | set | made by | licence | from |
            | --- | --- | --- | --- | --- |
            """);
    for (PictureSet set : sets) {
      text.append(
          "| %s | %s | %s | [%s](%s) | %s |\n"
              .formatted(
                  set.style(),
                  set.name(),
                  set.makers(),
                  set.licence(),
                  set.licenceText(),
                  set.origin()));
    }
    long labels = new TreeSet<>(pictures.stream().map(Picture::label).toList()).size();
    return text.append("\n")
        .append(pictures.size())
        .append(" pictures with ")
        .append(labels)
        .append(" labels:\n\n")
        .append(table(sets, pictures, heldOut))
        .toString();
  }
}
