package org.halfstep.pictures;

import java.util.List;

/**
 * A set of drawings that the pictures are made from.
 *
 * @param folder its folder among the sources
 * @param origin package and version
 * @param style the word for it in captions
 * @param name as its makers call it
 * @param makers who drew it
 * @param licence its short name
 * @param licenceText where the licence is
 * @param shareAlike whether what is made of it must be under the same licence, so that it is asked
 *     for and not taken by default
 * @param kind how it is stored
 */
record PictureSet(
    String folder,
    String origin,
    String style,
    String name,
    String makers,
    String licence,
    String licenceText,
    boolean shareAlike,
    Kind kind) {
  /** How a set is stored. */
  enum Kind {
    /** Iconify's JSON. */
    ICONS,
    /** A WebP file per emoji, named by its code points. */
    WEBP,
    /** Files of SVG that say themselves what they show. */
    CLIP_ART
  }

  private static final String CC_BY = "https://creativecommons.org/licenses/by/4.0/";
  private static final String CC_BY_SA = "https://creativecommons.org/licenses/by-sa/4.0/";
  private static final String APACHE = "https://www.apache.org/licenses/LICENSE-2.0";
  private static final String MIT = "https://opensource.org/license/mit";

  /** All sets, in the order in which pictures are listed. */
  static final List<PictureSet> ALL =
      List.of(
          icons(
              "twemoji",
              "1.2.5",
              "twemoji",
              "Twemoji",
              "Twitter, Inc and other contributors",
              "CC-BY-4.0",
              CC_BY,
              false),
          icons("noto", "1.2.9", "noto", "Noto Emoji", "Google Inc", "Apache-2.0", APACHE, false),
          icons(
              "noto-v1",
              "1.2.5",
              "blob",
              "Noto Emoji (v1)",
              "Google Inc",
              "Apache-2.0",
              APACHE,
              false),
          icons(
              "fluent-emoji-flat",
              "1.2.6",
              "flat",
              "Fluent Emoji Flat",
              "Microsoft Corporation",
              "MIT",
              MIT,
              false),
          icons(
              "fluent-emoji",
              "1.2.7",
              "gradient",
              "Fluent Emoji",
              "Microsoft Corporation",
              "MIT",
              MIT,
              false),
          new PictureSet(
              "fluent-emoji-3d",
              "@lobehub/fluent-emoji-3d 1.1.0",
              "3d",
              "Fluent Emoji 3D",
              "Microsoft Corporation; packed by LobeHub",
              "MIT",
              MIT,
              false,
              Kind.WEBP),
          icons(
              "emojione",
              "1.2.3",
              "emojione",
              "Emoji One (colored)",
              "Emoji One",
              "CC-BY-4.0",
              CC_BY,
              false),
          icons(
              "fxemoji",
              "1.2.2",
              "firefox",
              "Firefox OS Emoji",
              "Mozilla",
              "Apache-2.0",
              APACHE,
              false),
          icons(
              "openmoji",
              "1.2.29",
              "openmoji",
              "OpenMoji",
              "OpenMoji",
              "CC-BY-SA-4.0",
              CC_BY_SA,
              true),
          icons(
              "emojione-v1",
              "1.2.3",
              "emojione one",
              "Emoji One (v1)",
              "Emoji One",
              "CC-BY-SA-4.0",
              CC_BY_SA,
              true),
          new PictureSet(
              "openclipart",
              "Debian's openclipart-svg",
              ClipArt.STYLE,
              "Open Clip Art Library",
              "the contributors of openclipart.org",
              "public domain",
              "https://creativecommons.org/publicdomain/zero/1.0/",
              false,
              Kind.CLIP_ART));

  private static PictureSet icons(
      String name,
      String version,
      String style,
      String title,
      String makers,
      String licence,
      String licenceText,
      boolean shareAlike) {
    return new PictureSet(
        name,
        "@iconify-json/" + name + " " + version,
        style,
        title,
        makers,
        licence,
        licenceText,
        shareAlike,
        Kind.ICONS);
  }
}
