package org.halfstep.fuzz;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.halfstep.files.Json;

/** Wraps what a fuzzer changes in what a reader checks first: archives, lengths, checksums. */
final class Archives {
  private static final int PNG_START = 8;
  private static final int PNG_PART = 12;

  private Archives() {}

  /** A zip archive of stored entries with right checksums. */
  static byte[] zip(Map<String, byte[]> entries) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(out)) {
      for (Map.Entry<String, byte[]> content : entries.entrySet()) {
        ZipEntry entry = new ZipEntry(content.getKey());
        CRC32 checksum = new CRC32();
        checksum.update(content.getValue());
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(content.getValue().length);
        entry.setCrc(checksum.getValue());
        zip.putNextEntry(entry);
        zip.write(content.getValue());
      }
    } catch (IOException impossible) {
      throw new IllegalStateException(impossible);
    }
    return out.toByteArray();
  }

  /** A file of PyTorch: a pickle, and two storages of some bytes. */
  static byte[] torch(byte[] pickle) {
    Map<String, byte[]> entries = new LinkedHashMap<>();
    entries.put("x/data.pkl", pickle);
    entries.put("x/byteorder", utf8("little"));
    entries.put("x/data/0", new byte[96]);
    entries.put("x/data/1", new byte[16]);
    return zip(entries);
  }

  /** A safetensors file of a header and some data. */
  static byte[] safetensors(byte[] header, int dataBytes) {
    return ByteBuffer.allocate(Long.BYTES + header.length + dataBytes)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(header.length)
        .put(header)
        .array();
  }

  /** A PNG file whose parts have right lengths, as far as there are bytes, and right checksums. */
  static byte[] png(byte[] bytes) {
    ByteBuffer file = ByteBuffer.wrap(bytes.clone());
    int at = PNG_START;
    while (file.limit() - at >= PNG_PART) {
      long length = Integer.toUnsignedLong(file.getInt(at));
      int left = file.limit() - at - PNG_PART;
      if (length > left) {
        length = left;
        file.putInt(at, left);
      }
      CRC32 checksum = new CRC32();
      checksum.update(file.array(), at + 4, 4 + (int) length);
      file.putInt(at + 8 + (int) length, (int) checksum.getValue());
      at += PNG_PART + (int) length;
    }
    return file.array();
  }

  /** Parts that stand behind each other, each behind its length of two bytes. */
  static byte[][] parts(byte[] input, int count) {
    byte[][] parts = new byte[count][];
    ByteBuffer left = ByteBuffer.wrap(input);
    for (int i = 0; i < count; i++) {
      int length = left.remaining() < 2 ? 0 : Short.toUnsignedInt(left.getShort());
      length = i == count - 1 ? left.remaining() : Math.min(length, left.remaining());
      parts[i] = new byte[length];
      left.get(parts[i]);
    }
    return parts;
  }

  /** The inverse of {@link #parts}. */
  static byte[] joined(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.write(part.length >>> 8);
      out.write(part.length);
      out.writeBytes(part);
    }
    return out.toByteArray();
  }

  static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** A whole model's file with other texts in its metadata; an empty one is left out. */
  static Path withMetadata(byte[] input, Workplace place, Path whole, String... keys)
      throws IOException {
    byte[][] parts = parts(input, keys.length);
    ByteBuffer bytes = place.whole(whole);
    int length = (int) bytes.getLong(0);
    String text = new String(bytes.array(), Long.BYTES, length, StandardCharsets.UTF_8);
    ObjectNode header = Json.parse(ObjectNode.class, "header", text);
    ObjectNode metadata = (ObjectNode) header.get("__metadata__");
    for (int i = 0; i < keys.length; i++) {
      metadata.remove(keys[i]);
      if (parts[i].length > 0) {
        metadata.put(keys[i], new String(parts[i], StandardCharsets.UTF_8));
      }
    }
    byte[] changed = utf8(Json.text(header));
    int dataBytes = bytes.limit() - Long.BYTES - length;
    byte[] file = safetensors(changed, dataBytes);
    System.arraycopy(
        bytes.array(), Long.BYTES + length, file, Long.BYTES + changed.length, dataBytes);
    return place.write("model.safetensors", file);
  }
}
