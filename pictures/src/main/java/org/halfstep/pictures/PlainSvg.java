package org.halfstep.pictures;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import javax.xml.transform.TransformerException;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;
import org.xml.sax.helpers.DefaultHandler;

/**
 * Puts into a document what JSVG does not read: its own entities, in which Illustrator keeps
 * namespaces and styles, and of each {@code switch} the first child whose conditions hold (SVG 1.1,
 * section 5.8). The other children are drawn nowhere, but may be referred to.
 */
final class PlainSvg {
  private static final String SVG = "http://www.w3.org/2000/svg";
  private static final String LANGUAGE = "en";

  private static final String FEATURE = "http://www.w3.org/TR/SVG11/feature#";

  /** Of SVG 1.1's features those that still pictures without scripts have. */
  private static final Set<String> FEATURES =
      Set.of(
          "SVG-static",
          "CoreAttribute",
          "Structure",
          "BasicStructure",
          "ContainerAttribute",
          "ConditionalProcessing",
          "Image",
          "Style",
          "ViewportAttribute",
          "Shape",
          "Text",
          "BasicText",
          "PaintAttribute",
          "BasicPaintAttribute",
          "OpacityAttribute",
          "GraphicsAttribute",
          "BasicGraphicsAttribute",
          "Marker",
          "Gradient",
          "Pattern",
          "Clip",
          "BasicClip",
          "Mask",
          "Filter",
          "BasicFilter",
          "XlinkAttribute");

  private static final String LIMITS = "jdk.xml.";
  private static final int DEEPEST = 1_000;
  private static final int MOST_ENTITIES = 100_000;
  private static final int MOST_CHARACTERS_OF_ENTITIES = 1 << 23;

  private PlainSvg() {}

  /**
   * The same drawing without entities and switches; the bytes themselves where they have none.
   *
   * @throws IOException when it is no XML, or its entities are too many or too long
   */
  static byte[] of(byte[] svg) throws IOException {
    String text = new String(svg, StandardCharsets.ISO_8859_1);
    if (!text.contains("switch") && !text.contains("<!ENTITY")) {
      return svg;
    }
    try {
      Document document = parser().parse(new ByteArrayInputStream(svg));
      NodeList found = document.getElementsByTagNameNS("*", "switch");
      List<Element> switches = new ArrayList<>();
      for (int i = 0; i < found.getLength(); i++) {
        switches.add((Element) found.item(i));
      }
      switches.stream().filter(PlainSvg::isSvg).forEach(PlainSvg::decide);
      ByteArrayOutputStream plain = new ByteArrayOutputStream();
      TransformerFactory.newInstance()
          .newTransformer()
          .transform(new DOMSource(document), new StreamResult(plain));
      return plain.toByteArray();
    } catch (SAXException | TransformerException damaged) {
      throw new IOException("is no SVG document, or a damaged one", damaged);
    }
  }

  private static DocumentBuilder parser() {
    try {
      DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
      factory.setNamespaceAware(true);
      factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
      factory.setFeature("http://xml.org/sax/features/external-general-entities", false);
      factory.setFeature("http://xml.org/sax/features/external-parameter-entities", false);
      factory.setFeature("http://apache.org/xml/features/nonvalidating/load-external-dtd", false);
      factory.setAttribute(LIMITS + "maxElementDepth", DEEPEST);
      factory.setAttribute(LIMITS + "entityExpansionLimit", MOST_ENTITIES);
      factory.setAttribute(LIMITS + "totalEntitySizeLimit", MOST_CHARACTERS_OF_ENTITIES);
      DocumentBuilder parser = factory.newDocumentBuilder();
      parser.setEntityResolver((_, _) -> new InputSource(new StringReader("")));
      // The default prints what is thrown anyway.
      parser.setErrorHandler(new DefaultHandler());
      return parser;
    } catch (ParserConfigurationException missing) {
      throw new IllegalStateException("the JDK's parser of XML lacks a setting", missing);
    }
  }

  private static boolean isSvg(Element element) {
    String namespace = element.getNamespaceURI();
    return namespace == null || namespace.isEmpty() || namespace.equals(SVG);
  }

  /** Makes a group of it, and definitions of the children that are not meant. */
  private static void decide(Element choice) {
    Document document = choice.getOwnerDocument();
    List<Element> children = new ArrayList<>();
    for (Node node = choice.getFirstChild(); node != null; node = node.getNextSibling()) {
      if (node instanceof Element child && isSvg(child)) {
        children.add(child);
      }
    }
    boolean isDecided = false;
    for (Element child : children) {
      if (!isDecided && holds(child)) {
        isDecided = true;
      } else {
        Element aside = document.createElementNS(choice.getNamespaceURI(), named(choice, "defs"));
        choice.replaceChild(aside, child);
        aside.appendChild(child);
      }
    }
    document.renameNode(choice, choice.getNamespaceURI(), named(choice, "g"));
  }

  private static String named(Element like, String name) {
    return like.getPrefix() == null ? name : like.getPrefix() + ":" + name;
  }

  private static boolean holds(Element child) {
    // What lies in a foreign object is not drawn; what stands beside it is meant for those who
    // cannot.
    return !"foreignObject".equals(child.getLocalName())
        && !child.hasAttribute("requiredExtensions")
        && (!child.hasAttribute("requiredFeatures")
            || isEach(child.getAttribute("requiredFeatures")))
        && (!child.hasAttribute("systemLanguage")
            || Arrays.stream(child.getAttribute("systemLanguage").split(","))
                .anyMatch(PlainSvg::isEnglish));
  }

  private static boolean isEach(String features) {
    return !features.isBlank()
        && Arrays.stream(features.strip().split("\\s+"))
            .allMatch(
                feature ->
                    feature.startsWith(FEATURE)
                        && FEATURES.contains(feature.substring(FEATURE.length())));
  }

  private static boolean isEnglish(String language) {
    String plain = language.strip().toLowerCase(Locale.ROOT);
    return plain.equals(LANGUAGE) || plain.startsWith(LANGUAGE + "-");
  }
}
