package org.halfstep.pictures;

import java.util.List;
import java.util.Locale;

/** The text of {@code captions.tsv}: a picture a line, values apart by tabs. */
final class CaptionsFile {
  private static final List<String> HEADER =
      List.of(
          "file",
          "file " + PictureFolderWriter.SMALL,
          "caption",
          "style",
          "code point",
          "label",
          "tags",
          "group",
          "weight",
          "split");

  private CaptionsFile() {}

  static String of(List<Picture> pictures, HeldOut heldOut) {
    StringBuilder text = new StringBuilder(String.join("\t", HEADER)).append('\n');
    for (Picture picture : pictures) {
      List<String> values =
          List.of(
              PictureFolderWriter.path(picture, PictureFolderWriter.LARGE),
              PictureFolderWriter.path(picture, PictureFolderWriter.SMALL),
              picture.caption(),
              picture.style(),
              picture.codePoint(),
              picture.label(),
              String.join(", ", picture.tags()),
              picture.group(),
              String.format(Locale.ROOT, "%s", picture.weight()),
              heldOut.split(picture));
      text.append(String.join("\t", values.stream().map(CaptionsFile::plain).toList()));
      text.append('\n');
    }
    return text.toString();
  }

  private static String plain(String value) {
    return value.replaceAll("[\\s\\p{Cntrl}]+", " ").strip();
  }
}
