package org.halfstep.pictures;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.halfstep.files.DataException;

/** Finds the pictures of the sets that lie below a folder, one sub-folder each. */
final class PictureSources {
  /** Skin tones are five beside each neutral emoji, and would be over half of what is seen. */
  private static final double SKIN_TONE_WEIGHT = 0.2;

  private static final String WEBP = ".webp";

  private final Path folder;
  private final EmojiNames names;
  private final List<Picture> pictures = new ArrayList<>();
  private final Map<String, Integer> unnamed = new TreeMap<>();
  private final List<PictureSet> sets = new ArrayList<>();
  private final Map<PictureSet, IconSet> icons = new LinkedHashMap<>();

  private PictureSources(Path folder) throws IOException {
    this.folder = folder;
    this.names = EmojiNames.read(folder.resolve("emojibase"));
  }

  /**
   * Reads all sets that are there.
   *
   * @param shareAlike whether to take also those under a share-alike licence
   * @throws DataException when there is none, or one is damaged
   */
  static PictureSources read(Path folder, boolean shareAlike) throws IOException {
    PictureSources sources = new PictureSources(folder);
    for (PictureSet set : PictureSet.ALL) {
      if (Files.isDirectory(folder.resolve(set.folder())) && (shareAlike || !set.shareAlike())) {
        sources.sets.add(set);
      }
    }
    if (sources.sets.isEmpty()) {
      throw new DataException(
          folder,
          "expected sets of pictures in sub-folders: "
              + String.join(", ", PictureSet.ALL.stream().map(PictureSet::folder).toList()));
    }
    sources.readIcons();
    for (PictureSet set : sources.sets) {
      sources.add(set);
    }
    return sources;
  }

  /** Sets without code points name emoji as those with them do: all are read before names are. */
  private void readIcons() throws IOException {
    for (PictureSet set : sets) {
      if (set.kind() == PictureSet.Kind.ICONS) {
        icons.put(set, IconSet.read(folder.resolve(set.folder())));
      }
    }
    icons
        .values()
        .forEach(
            set ->
                set.codes()
                    .forEach(
                        (name, code) ->
                            names.find(code).ifPresent(emoji -> names.learn(name, emoji))));
    icons
        .values()
        .forEach(
            set ->
                set.aliases()
                    .forEach(
                        (alias, name) -> {
                          names.named(name).ifPresent(emoji -> names.learn(alias, emoji));
                          names.named(alias).ifPresent(emoji -> names.learn(name, emoji));
                        }));
  }

  private void add(PictureSet set) throws IOException {
    Path at = folder.resolve(set.folder());
    switch (set.kind()) {
      case ICONS -> addIcons(set, icons.get(set));
      case WEBP -> addFiles(set, at);
      case CLIP_ART -> pictures.addAll(ClipArt.read(at));
    }
  }

  private void addIcons(PictureSet set, IconSet icons) throws IOException {
    Map<String, Picture> found = new TreeMap<>();
    for (String name : icons.names()) {
      String code = icons.codes().get(name);
      Optional<EmojiNames.Emoji> emoji = code == null ? names.named(name) : names.find(code);
      if (emoji.isEmpty()) {
        unnamed.merge(set.style(), 1, Integer::sum);
      } else if (!found.containsKey(emoji.get().code())) {
        found.put(emoji.get().code(), picture(set, emoji.get(), icons.drawing(name)));
      }
    }
    pictures.addAll(found.values());
  }

  private void addFiles(PictureSet set, Path at) throws IOException {
    Map<String, Picture> found = new TreeMap<>();
    try (Stream<Path> all = Files.walk(at)) {
      for (Path file : all.filter(path -> path.toString().endsWith(WEBP)).sorted().toList()) {
        String name = file.getFileName().toString();
        String code = name.substring(0, name.length() - WEBP.length());
        Optional<EmojiNames.Emoji> emoji = names.find(code);
        if (emoji.isEmpty()) {
          unnamed.merge(set.style(), 1, Integer::sum);
        } else {
          Source source = new Source.WebpFile(file);
          found.putIfAbsent(emoji.get().code(), picture(set, emoji.get(), source));
        }
      }
    }
    if (found.isEmpty()) {
      throw new DataException(at, "expected WebP files named by code points, found none");
    }
    pictures.addAll(found.values());
  }

  private static Picture picture(PictureSet set, EmojiNames.Emoji emoji, Source source) {
    return new Picture(
        set.style(),
        emoji.code(),
        emoji.code().toUpperCase(Locale.ROOT).replace('-', ' '),
        emoji.concept(),
        emoji.label(),
        emoji.tags(),
        emoji.group(),
        emoji.isSkinTone() ? SKIN_TONE_WEIGHT : 1,
        source);
  }

  List<Picture> pictures() {
    return pictures;
  }

  /** The sets that were there. */
  List<PictureSet> sets() {
    return sets;
  }

  /** Drawings of each style that have no name, and so no caption. */
  Map<String, Integer> unnamed() {
    return unnamed;
  }
}
