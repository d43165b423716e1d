package org.halfstep.pictures;

import java.io.ByteArrayInputStream;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;

/**
 * Counts what a document of SVG draws once every {@code use} is replaced by what it stands for: a
 * few hundred bytes can draw a thing a billion times.
 */
final class Instances {
  private static final int DEEPEST = 1_000;
  private static final String XLINK = "http://www.w3.org/1999/xlink";

  /** An element that may be used, with all in it. */
  private static final class Part {
    private long elements;
    private final List<String> uses = new ArrayList<>();
  }

  private final Map<String, Part> parts = new HashMap<>();
  private final Map<String, Long> counted = new HashMap<>();
  private final Set<String> counting = new HashSet<>();
  private final Part whole = new Part();

  private Instances() {}

  /**
   * Elements of a document with all that is used.
   *
   * @return {@link Long#MAX_VALUE} for what has no end
   * @throws XMLStreamException when it is no XML
   */
  static long count(byte[] svg) throws XMLStreamException {
    XMLInputFactory factory = XMLInputFactory.newFactory();
    factory.setProperty(XMLInputFactory.SUPPORT_DTD, false);
    factory.setProperty(XMLInputFactory.IS_REPLACING_ENTITY_REFERENCES, false);
    factory.setProperty(XMLInputFactory.IS_SUPPORTING_EXTERNAL_ENTITIES, false);
    Instances instances = new Instances();
    XMLStreamReader reader = factory.createXMLStreamReader(new ByteArrayInputStream(svg));
    try {
      instances.read(reader);
    } finally {
      reader.close();
    }
    return instances.count(instances.whole);
  }

  private void read(XMLStreamReader reader) throws XMLStreamException {
    Deque<Part> open = new ArrayDeque<>(List.of(whole));
    while (reader.hasNext()) {
      int event = reader.next();
      if (event == XMLStreamConstants.END_ELEMENT) {
        open.pop();
      } else if (event == XMLStreamConstants.START_ELEMENT) {
        String id = reader.getAttributeValue(null, "id");
        Part part = new Part();
        if (id != null) {
          parts.putIfAbsent(id, part);
        }
        open.push(part);
        if (open.size() > DEEPEST) {
          throw new XMLStreamException("more than " + DEEPEST + " elements in each other");
        }
        String used = reader.getLocalName().equals("use") ? reference(reader) : null;
        for (Part above : open) {
          above.elements++;
          if (used != null) {
            above.uses.add(used);
          }
        }
      }
    }
  }

  private static String reference(XMLStreamReader reader) {
    String plain = reader.getAttributeValue(null, "href");
    String reference = plain == null ? reader.getAttributeValue(XLINK, "href") : plain;
    return reference != null && reference.startsWith("#") ? reference.substring(1) : null;
  }

  private long count(Part part) {
    long sum = part.elements;
    for (String id : part.uses) {
      long used = count(id);
      sum = used > Long.MAX_VALUE - sum ? Long.MAX_VALUE : sum + used;
    }
    return sum;
  }

  private long count(String id) {
    Long known = counted.get(id);
    Part part = parts.get(id);
    if (known != null || part == null) {
      return part == null ? 0 : known;
    }
    if (!counting.add(id)) {
      return Long.MAX_VALUE;
    }
    long count = count(part);
    counting.remove(id);
    counted.put(id, count);
    return count;
  }
}
