package org.halfstep.files;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException;
import com.fasterxml.jackson.databind.exc.ValueInstantiationException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * JSON that programs wrote for programs, read as if an enemy had written it: a value has its own
 * type, a number at most {@value #MAXIMUM_DIGITS} digits, a name stands once, nothing follows the
 * end; and whatever is wrong is said in one line that names the place.
 */
public final class Json {
  /** Digits of a number: more than any type of ours can tell apart. */
  static final int MAXIMUM_DIGITS = 64;

  private static final int MAXIMUM_DEPTH = 32;
  private static final int MAXIMUM_BYTES = 1 << 26;

  private static final JsonMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNumberLength(MAXIMUM_DIGITS)
                          .maxNestingDepth(MAXIMUM_DEPTH)
                          .build())
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
                  .build())
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(DeserializationFeature.FAIL_ON_NUMBERS_FOR_ENUMS)
          .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
          .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
          .build();

  private static final ObjectWriter PRETTY = MAPPER.writerWithDefaultPrettyPrinter();

  private Json() {}

  /**
   * A value of a type.
   *
   * @param what it is, for the error
   * @throws IllegalArgumentException in one line, when the text is not JSON of that kind
   */
  public static <T> T parse(Class<T> type, String what, String text) {
    try {
      return required(MAPPER.readValue(text, type));
    } catch (IOException | IllegalArgumentException refused) {
      String reason = reason(refused);
      // What is read often says itself what it is.
      String line = reason.startsWith(what + ": ") ? reason : what + ": " + reason;
      throw new IllegalArgumentException(line, refused);
    }
  }

  /**
   * The value that a file holds.
   *
   * @throws DataException in one line, when it holds none
   */
  public static <T> T read(Class<T> type, Path path) throws IOException {
    return read(type, path, MAXIMUM_BYTES);
  }

  /** The value of a file that may have more bytes than most; as {@link #read(Class, Path)}. */
  public static <T> T read(Class<T> type, Path path, long mostBytes) throws IOException {
    byte[] bytes = TextFile.bytes(path, mostBytes, "a JSON file");
    try {
      return required(MAPPER.readValue(bytes, type));
    } catch (IOException | IllegalArgumentException refused) {
      throw new DataException(path, reason(refused), refused);
    }
  }

  /**
   * A value from a part of what was read.
   *
   * @throws IllegalArgumentException in one line, when the part is not JSON of that kind
   */
  public static <T> T convert(Class<T> type, JsonNode node) {
    try {
      return required(MAPPER.treeToValue(node, type));
    } catch (IOException | IllegalArgumentException refused) {
      throw new IllegalArgumentException(reason(refused), refused);
    }
  }

  private static <T> T required(T value) {
    if (value == null) {
      throw new IllegalArgumentException("expected an object, found null");
    }
    return value;
  }

  /** A value as a tree. */
  public static JsonNode tree(Object value) {
    return MAPPER.valueToTree(value);
  }

  /** A value's text on one line. */
  public static String text(Object value) {
    try {
      return MAPPER.writeValueAsString(value);
    } catch (JsonProcessingException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  /** Creates or replaces a file with a value's text, whole or not at all. */
  public static void write(Path path, Object value) throws IOException {
    AtomicFile.write(path, PRETTY.writeValueAsBytes(value));
  }

  private static String reason(Exception refused) {
    if (!(refused instanceof JsonProcessingException malformed)) {
      return refused.getMessage();
    }
    return Printable.clean(place(malformed)) + problem(malformed);
  }

  /** What is wrong with a value, in one line without the place. */
  public static String problem(JsonProcessingException malformed) {
    return Printable.line(unprinted(malformed));
  }

  private static String unprinted(JsonProcessingException malformed) {
    String original = String.valueOf(malformed.getOriginalMessage());
    return switch (malformed) {
      case ValueInstantiationException own when own.getCause() != null ->
          String.valueOf(own.getCause().getMessage());
      case UnrecognizedPropertyException unknown ->
          "there is no such setting; there are "
              + unknown.getKnownPropertyIds().stream()
                  .map(Object::toString)
                  .sorted()
                  .collect(Collectors.joining(", "));
      case MismatchedInputException _ when original.startsWith("No content") -> "it is empty";
      case MismatchedInputException other
          when other.getTargetType() != null && original.startsWith("Cannot") ->
          "expected " + kind(other.getTargetType()) + ", found none or another kind of value";
      // Where a list or object began is said by line and place.
      default -> original.replaceFirst(" \\(start marker at .*", "");
    };
  }

  private static String kind(Class<?> type) {
    if (type.isEnum()) {
      return "one of " + Arrays.toString(type.getEnumConstants());
    }
    if (type == int.class || type == long.class || type == Integer.class || type == Long.class) {
      return "an integer";
    }
    if (type == double.class || type == float.class || type == Double.class) {
      return "a number";
    }
    if (type == boolean.class || type == Boolean.class) {
      return "true or false";
    }
    return type == String.class
        ? "text"
        : Iterable.class.isAssignableFrom(type) && type != ObjectNode.class
            ? "a list"
            : "an object";
  }

  /** Where in the text it is, and in which value. */
  private static String place(JsonProcessingException malformed) {
    JsonLocation at = malformed.getLocation();
    String line = at == null || at.getLineNr() < 2 ? "" : "line " + at.getLineNr() + ": ";
    if (malformed instanceof JsonMappingException mapping && !mapping.getPath().isEmpty()) {
      return line
          + mapping.getPath().stream()
              .map(
                  part ->
                      part.getFieldName() == null
                          ? "[" + part.getIndex() + "]"
                          : part.getFieldName())
              .collect(Collectors.joining("."))
          + ": ";
    }
    return line;
  }
}
