package org.halfstep.pictures;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;

/**
 * Drawings in files of SVG below a folder, whose metadata (RDF with Dublin Core) says what they
 * show: Debian's {@code openclipart-svg}. Those without a title and a keyword say too little.
 */
final class ClipArt {
  static final String STYLE = "clip art";

  private static final String DUBLIN_CORE = "http://purl.org/dc/elements/1.1/";

  /** Its sub-folder of patterns and gradients. */
  private static final String PATTERNS = "special";

  /** What the library's tools wrote among the keywords. */
  private static final Set<String> NO_TAGS = Set.of("hash", "unsorted");

  /** More drawings than this of one title are a series. */
  private static final int SERIES = 12;

  private static final int LONGEST_TITLE = 80;
  private static final int LONGEST_TAG = 40;
  private static final int MOST_TAGS = 16;

  private final XMLInputFactory factory = XMLInputFactory.newFactory();
  private String title = "";
  private final Set<String> tags = new LinkedHashSet<>();

  private ClipArt() {
    factory.setProperty(XMLInputFactory.SUPPORT_DTD, false);
    factory.setProperty(XMLInputFactory.IS_SUPPORTING_EXTERNAL_ENTITIES, false);
    factory.setProperty(XMLInputFactory.IS_COALESCING, true);
  }

  /**
   * All drawings that say what they show, in order of their paths. A title of many drawings is that
   * of a series, and a folder of patterns and gradients shows nothing.
   */
  static List<Picture> read(Path folder) throws IOException {
    List<Path> files;
    try (Stream<Path> all = Files.walk(folder)) {
      files =
          all.filter(file -> file.toString().endsWith(".svg"))
              // A link is another name of a drawing that is there.
              .filter(file -> Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS))
              .sorted()
              .toList();
    }
    List<Picture> pictures = new ArrayList<>();
    Set<String> keys = new HashSet<>();
    Map<String, Integer> titles = new HashMap<>();
    for (Path file : files) {
      if (!folder.relativize(file).startsWith(PATTERNS)) {
        picture(folder, file, keys).ifPresent(pictures::add);
      }
    }
    pictures.forEach(picture -> titles.merge(picture.label(), 1, Integer::sum));
    pictures.removeIf(picture -> titles.get(picture.label()) > SERIES);
    return pictures;
  }

  private static Optional<Picture> picture(Path folder, Path file, Set<String> keys)
      throws IOException {
    ClipArt art = new ClipArt();
    try (InputStream in = Files.newInputStream(file)) {
      art.describe(art.factory.createXMLStreamReader(in));
    } catch (XMLStreamException _) {
      return Optional.empty();
    }
    String label = art.label();
    if (label.isEmpty() || art.tags.isEmpty()) {
      return Optional.empty();
    }
    String path = folder.relativize(file).toString();
    String plain = path.substring(0, path.length() - ".svg".length());
    String key = plain.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-");
    String unique = key;
    for (int i = 2; !keys.add(unique); i++) {
      unique = key + "-" + i;
    }
    return Optional.of(
        new Picture(
            STYLE,
            unique,
            "",
            STYLE + "/" + unique,
            label,
            List.copyOf(art.tags),
            STYLE,
            1,
            new Source.SvgFile(file)));
  }

  /** Takes the drawing's own title, not those of the people named, and its keywords. */
  private void describe(XMLStreamReader reader) throws XMLStreamException {
    Deque<String> open = new ArrayDeque<>();
    while (reader.hasNext()) {
      int event = reader.next();
      if (event == XMLStreamConstants.END_ELEMENT) {
        open.pop();
      } else if (event == XMLStreamConstants.START_ELEMENT) {
        String name = reader.getLocalName();
        boolean core = DUBLIN_CORE.equals(reader.getNamespaceURI());
        if (core && name.equals("title") && title.isEmpty() && !open.contains("Agent")) {
          title = reader.getElementText();
        } else if (name.equals("li") && open.contains("subject")) {
          addTag(reader.getElementText());
        } else {
          open.push(name);
        }
      }
    }
  }

  private void addTag(String text) {
    String tag = plain(text).replace(",", "");
    if (!NO_TAGS.contains(tag.toLowerCase(Locale.ROOT))
        && tag.matches(".*\\p{L}{2}.*")
        && tag.length() <= LONGEST_TAG
        && tags.size() < MOST_TAGS) {
      tags.add(tag);
    }
  }

  private String label() {
    String label =
        plain(title).replaceFirst("^Clipart by [^-]* - ", "").replaceFirst(" *[0-9]+$", "");
    return label.matches(".*\\p{L}{2}.*") && label.length() <= LONGEST_TITLE ? label : "";
  }

  private static String plain(String text) {
    return text.replaceAll("[\\s_\\p{Cntrl}]+", " ").strip();
  }
}
