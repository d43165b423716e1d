package org.halfstep.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The checked header of a safetensors file.
 *
 * @param metadata the {@code __metadata__} entries
 * @param tensors every tensor by name, in the order of their data
 */
record SafetensorsHeader(Map<String, String> metadata, LinkedHashMap<String, Entry> tensors) {
  static final String METADATA = "__metadata__";
  static final int LENGTH_BYTES = Long.BYTES;
  static final long MAXIMUM_BYTES = 100_000_000;

  private static final int MAXIMUM_RANK = 16;
  private static final ValueLayout.OfLong LENGTH =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  // The format is UTF-8 only: detection would let a file choose another encoding.
  private static final JsonFactory JSON =
      JsonFactory.builder()
          .disable(JsonFactory.Feature.CHARSET_DETECTION)
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
          .build();

  /** Where one tensor lies: {@code fileOffset} counts from the start of the file. */
  record Entry(Dtype dtype, long[] shape, long fileOffset, long bytes, long declaredAt) {}

  /**
   * Reads and checks the header of a whole mapped file. No allocation is larger than a small
   * multiple of the header, whose length is checked first.
   */
  static SafetensorsHeader parse(Path path, MemorySegment file) throws IOException {
    if (file.byteSize() < LENGTH_BYTES) {
      throw new SafetensorsException(
          path,
          file.byteSize(),
          "the file ends inside the 8-byte header length; it is empty or truncated");
    }
    long length = file.get(LENGTH, 0);
    if (length < 0 || length > MAXIMUM_BYTES) {
      throw new SafetensorsException(
          path,
          0,
          "header length "
              + Long.toUnsignedString(length)
              + " is over the limit of "
              + MAXIMUM_BYTES
              + "; this is not a safetensors file");
    }
    if (length > file.byteSize() - LENGTH_BYTES) {
      throw new SafetensorsException(
          path,
          0,
          "header length " + length + " reaches beyond the file's " + file.byteSize() + " bytes");
    }
    if (length < 2 || file.get(ValueLayout.JAVA_BYTE, LENGTH_BYTES) != '{') {
      throw new SafetensorsException(
          path, LENGTH_BYTES, "expected the JSON header to start with '{'");
    }
    byte[] json = file.asSlice(LENGTH_BYTES, length).toArray(ValueLayout.JAVA_BYTE);
    try (JsonParser parser = JSON.createParser(json)) {
      return new Reader(path, parser, LENGTH_BYTES + length, file.byteSize()).read();
    } catch (JsonProcessingException malformed) {
      long at =
          malformed.getLocation() == null
              ? 0
              : Math.max(0, malformed.getLocation().getByteOffset());
      throw new SafetensorsException(
          path, LENGTH_BYTES + at, "bad JSON in the header: " + malformed.getOriginalMessage());
    }
  }

  /** One pass over the header's JSON. */
  private static final class Reader {
    private final Path path;
    private final JsonParser parser;
    private final long dataStart;
    private final long fileBytes;

    Reader(Path path, JsonParser parser, long dataStart, long fileBytes) {
      this.path = path;
      this.parser = parser;
      this.dataStart = dataStart;
      this.fileBytes = fileBytes;
    }

    SafetensorsHeader read() throws IOException {
      Map<String, String> metadata = Map.of();
      LinkedHashMap<String, Entry> declared = new LinkedHashMap<>();
      expect(parser.nextToken(), JsonToken.START_OBJECT, "the header");
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        if (name.equals(METADATA)) {
          metadata = metadata();
        } else {
          declared.put(name, entry(name));
        }
      }
      if (parser.nextToken() != null) {
        throw refuse(offset(), "expected only spaces after the header's JSON object");
      }
      return new SafetensorsHeader(metadata, inDataOrder(declared));
    }

    private Map<String, String> metadata() throws IOException {
      Map<String, String> metadata = new LinkedHashMap<>();
      expect(parser.nextToken(), JsonToken.START_OBJECT, METADATA);
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String key = parser.currentName();
        expect(parser.nextToken(), JsonToken.VALUE_STRING, METADATA + " entry " + key);
        metadata.put(key, parser.getText());
      }
      return Collections.unmodifiableMap(metadata);
    }

    private Entry entry(String name) throws IOException {
      Dtype dtype = null;
      long[] shape = null;
      long[] offsets = null;
      long declaredAt = offset();
      expect(parser.nextToken(), JsonToken.START_OBJECT, "tensor " + name);
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String field = parser.currentName();
        parser.nextToken();
        switch (field) {
          case "dtype" -> dtype = dtype(name);
          case "shape" -> shape = integers("shape of tensor " + name, MAXIMUM_RANK);
          case "data_offsets" -> offsets = integers("data_offsets of tensor " + name, 2);
          default ->
              throw refuse(
                  offset(),
                  "tensor "
                      + name
                      + ": expected dtype, shape, data_offsets, found \""
                      + field
                      + "\"");
        }
      }
      if (dtype == null || shape == null || offsets == null || offsets.length != 2) {
        throw refuse(declaredAt, "tensor " + name + ": expected dtype, shape and two data_offsets");
      }
      return checked(name, dtype, shape, offsets[0], offsets[1], declaredAt);
    }

    private Entry checked(
        String name, Dtype dtype, long[] shape, long begin, long end, long declaredAt)
        throws SafetensorsException {
      long dataBytes = fileBytes - dataStart;
      if (begin > end || end > dataBytes) {
        throw refuse(
            declaredAt,
            "tensor "
                + name
                + ": data_offsets ["
                + begin
                + ", "
                + end
                + "] lie outside the "
                + dataBytes
                + " bytes of data; the file is truncated or damaged");
      }
      long bytes;
      try {
        bytes = dtype.bytesOf(shape);
      } catch (ArithmeticException overflow) {
        throw refuse(
            declaredAt,
            "tensor " + name + ": the size of shape " + Arrays.toString(shape) + " overflows");
      }
      if (bytes != end - begin) {
        throw refuse(
            declaredAt,
            "tensor "
                + name
                + ": "
                + dtype
                + " "
                + Arrays.toString(shape)
                + " is "
                + bytes
                + " bytes, but data_offsets span "
                + (end - begin));
      }
      return new Entry(dtype, shape, dataStart + begin, bytes, declaredAt);
    }

    private Dtype dtype(String name) throws IOException {
      expect(parser.currentToken(), JsonToken.VALUE_STRING, "dtype of tensor " + name);
      String text = parser.getText();
      for (Dtype dtype : Dtype.values()) {
        if (dtype.name().equals(text)) {
          return dtype;
        }
      }
      throw refuse(
          offset(),
          "tensor "
              + name
              + ": dtype "
              + text
              + " is not one of "
              + Arrays.toString(Dtype.values()));
    }

    private long[] integers(String what, int most) throws IOException {
      expect(parser.currentToken(), JsonToken.START_ARRAY, what);
      long[] values = new long[most];
      int count = 0;
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        expect(parser.currentToken(), JsonToken.VALUE_NUMBER_INT, what);
        if (count == most) {
          throw refuse(offset(), what + " has more than " + most + " numbers");
        }
        if (parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER
            || parser.getLongValue() < 0) {
          throw refuse(
              offset(), what + ": expected integers from 0 to 2^63-1, found " + parser.getText());
        }
        values[count++] = parser.getLongValue();
      }
      return Arrays.copyOf(values, count);
    }

    private LinkedHashMap<String, Entry> inDataOrder(Map<String, Entry> declared)
        throws SafetensorsException {
      List<Map.Entry<String, Entry>> ordered = new ArrayList<>(declared.entrySet());
      // A tensor without elements lies before the one that starts at the same offset.
      ordered.sort(
          Comparator.<Map.Entry<String, Entry>>comparingLong(
                  tensor -> tensor.getValue().fileOffset())
              .thenComparingLong(tensor -> tensor.getValue().bytes()));
      LinkedHashMap<String, Entry> tensors = new LinkedHashMap<>();
      long covered = dataStart;
      for (Map.Entry<String, Entry> tensor : ordered) {
        Entry entry = tensor.getValue();
        if (entry.fileOffset() != covered) {
          throw refuse(
              entry.declaredAt(),
              "tensor "
                  + tensor.getKey()
                  + ": data starts at "
                  + (entry.fileOffset() - dataStart)
                  + ", "
                  + (entry.fileOffset() < covered
                      ? "overlapping the tensor before it, which ends at "
                      : "leaving a gap after ")
                  + (covered - dataStart));
        }
        covered += entry.bytes();
        tensors.put(tensor.getKey(), entry);
      }
      if (covered != fileBytes) {
        throw refuse(
            covered,
            "expected the file to end with its last tensor, found "
                + (fileBytes - covered)
                + " more bytes");
      }
      return tensors;
    }

    private void expect(JsonToken found, JsonToken wanted, String what)
        throws SafetensorsException {
      if (found != wanted) {
        throw refuse(
            offset(), what + ": expected " + describe(wanted) + ", found " + describe(found));
      }
    }

    private static String describe(JsonToken token) {
      return switch (token) {
        case START_OBJECT -> "an object";
        case START_ARRAY -> "an array";
        case VALUE_STRING -> "a string";
        case VALUE_NUMBER_INT -> "an integer";
        case VALUE_NUMBER_FLOAT -> "a fraction";
        case VALUE_TRUE, VALUE_FALSE -> "a boolean";
        case VALUE_NULL -> "null";
        case null -> "nothing";
        default -> token.toString();
      };
    }

    private long offset() {
      return LENGTH_BYTES + Math.max(0, parser.currentTokenLocation().getByteOffset());
    }

    private SafetensorsException refuse(long offset, String problem) {
      return new SafetensorsException(path, offset, problem);
    }
  }
}
