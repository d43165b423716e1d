package org.halfstep.image;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.ImageTypeSpecifier;
import javax.imageio.ImageWriter;
import javax.imageio.metadata.IIOMetadata;
import javax.imageio.metadata.IIOMetadataNode;
import javax.imageio.stream.FileImageInputStream;
import javax.imageio.stream.MemoryCacheImageOutputStream;
import org.halfstep.files.AtomicFile;
import org.halfstep.files.DataException;
import org.halfstep.files.InputFile;
import org.w3c.dom.NodeList;

/**
 * Pictures as PNG, in files, streams and memory, with text entries (W3C PNG, tEXt for Latin-1 text
 * and iTXt for other).
 */
public final class PngFile {
  private static final String FORMAT = "javax_imageio_png_1.0";
  private static final int MAXIMUM_KEYWORD = 79;

  private PngFile() {}

  /**
   * Creates or replaces a file, atomically.
   *
   * @param text keys (1 to 79 Latin-1 characters) and values
   */
  public static void write(Path file, BufferedImage image, Map<String, String> text)
      throws IOException {
    AtomicFile.write(file, channel -> write(Channels.newOutputStream(channel), image, text));
  }

  /**
   * Writes a picture to a stream, which stays open: an answer to a request, say.
   *
   * @param text as {@link #write(Path, BufferedImage, Map)} takes it
   */
  public static void write(OutputStream out, BufferedImage image, Map<String, String> text)
      throws IOException {
    ImageWriter writer = ImageIO.getImageWritersByFormatName("png").next();
    try (var output = new MemoryCacheImageOutputStream(out)) {
      IIOMetadata metadata =
          writer.getDefaultImageMetadata(ImageTypeSpecifier.createFromRenderedImage(image), null);
      if (!text.isEmpty()) {
        metadata.mergeTree(FORMAT, textTree(text));
      }
      writer.setOutput(output);
      writer.write(new IIOImage(image, null, metadata));
    } finally {
      writer.dispose();
    }
    out.flush();
  }

  /** The bytes of a PNG file of a picture. */
  public static byte[] bytes(BufferedImage image, Map<String, String> text) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      write(bytes, image, text);
    } catch (IOException impossible) {
      throw new IllegalStateException(impossible);
    }
    return bytes.toByteArray();
  }

  private static IIOMetadataNode textTree(Map<String, String> text) {
    IIOMetadataNode plain = new IIOMetadataNode("tEXt");
    IIOMetadataNode international = new IIOMetadataNode("iTXt");
    text.forEach(
        (key, value) -> {
          if (key.isBlank() || key.length() > MAXIMUM_KEYWORD || !isLatin1(key)) {
            throw new IllegalArgumentException(
                "PNG text key \""
                    + key
                    + "\"; expected 1 to "
                    + MAXIMUM_KEYWORD
                    + " Latin-1 characters");
          }
          if (isLatin1(value)) {
            IIOMetadataNode entry = new IIOMetadataNode("tEXtEntry");
            entry.setAttribute("keyword", key);
            entry.setAttribute("value", value);
            plain.appendChild(entry);
          } else {
            IIOMetadataNode entry = new IIOMetadataNode("iTXtEntry");
            entry.setAttribute("keyword", key);
            entry.setAttribute("compressionFlag", "FALSE");
            entry.setAttribute("compressionMethod", "0");
            entry.setAttribute("languageTag", "");
            entry.setAttribute("translatedKeyword", "");
            entry.setAttribute("text", value);
            international.appendChild(entry);
          }
        });
    IIOMetadataNode root = new IIOMetadataNode(FORMAT);
    for (IIOMetadataNode kind : new IIOMetadataNode[] {plain, international}) {
      if (kind.hasChildNodes()) {
        root.appendChild(kind);
      }
    }
    return root;
  }

  private static boolean isLatin1(String text) {
    return StandardCharsets.ISO_8859_1.newEncoder().canEncode(text);
  }

  /**
   * The text entries of a PNG file, in the file's order (tEXt before iTXt).
   *
   * @throws DataException when it is not a PNG file, or is damaged
   */
  public static Map<String, String> text(Path file) throws IOException {
    InputFile.require(file, "a PNG file", ".png");
    ImageReader reader = ImageIO.getImageReadersByFormatName("png").next();
    try (FileImageInputStream input = new FileImageInputStream(file.toFile())) {
      reader.setInput(input, true, false);
      IIOMetadataNode root = (IIOMetadataNode) reader.getImageMetadata(0).getAsTree(FORMAT);
      Map<String, String> text = new LinkedHashMap<>();
      collect(root.getElementsByTagName("tEXtEntry"), "value", text);
      collect(root.getElementsByTagName("iTXtEntry"), "text", text);
      return text;
    } catch (IOException | RuntimeException damaged) {
      // The decoder answers damage with exceptions of every kind.
      String reason = damaged.getMessage();
      throw new DataException(
          file,
          "is not a PNG file, or is damaged ("
              + (reason == null ? damaged.getClass().getSimpleName() : reason)
              + ")",
          damaged);
    } finally {
      reader.dispose();
    }
  }

  private static void collect(NodeList entries, String valueAttribute, Map<String, String> text) {
    for (int i = 0; i < entries.getLength(); i++) {
      IIOMetadataNode entry = (IIOMetadataNode) entries.item(i);
      text.put(entry.getAttribute("keyword"), entry.getAttribute(valueAttribute));
    }
  }
}
