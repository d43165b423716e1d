package org.halfstep.tensorboard;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Event files as others read them: records by TensorFlow's description of TFRecord, checksums bit
 * by bit by the polynomial, messages by Google's own parser.
 */
public final class EventRecords {
  /** Castagnoli's polynomial, bits turned round. */
  private static final int POLYNOMIAL = 0x82f63b78;

  /**
   * An event.
   *
   * @param version of the file; empty where it is none
   * @param starts whether it says that what files before it had from its step on is void
   * @param values by tag
   */
  public record Event(
      double seconds, long step, String version, boolean starts, Map<String, Double> values) {}

  private EventRecords() {}

  /** All events of one curve's folder, file by file in the order of their names. */
  public static List<Event> inFolder(Path logs, String run) throws IOException {
    List<Event> events = new ArrayList<>();
    try (Stream<Path> files = Files.list(logs.resolve(run))) {
      for (Path file : files.sorted().toList()) {
        assertEquals(true, file.getFileName().toString().contains("tfevents"));
        events.addAll(read(file));
      }
    }
    return events;
  }

  static List<Event> read(Path file) throws IOException {
    ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    List<Event> events = new ArrayList<>();
    while (in.hasRemaining()) {
      int start = in.position();
      int length = Math.toIntExact(in.getLong());
      assertEquals(masked(in.array(), start, Long.BYTES), in.getInt(), "checksum of a length");
      byte[] data = new byte[length];
      in.get(data);
      assertEquals(masked(data, 0, length), in.getInt(), "checksum of a message");
      events.add(event(data));
    }
    return events;
  }

  private static Event event(byte[] data) throws IOException {
    UnknownFieldSet fields = UnknownFieldSet.parseFrom(data);
    Map<String, Double> values = new TreeMap<>();
    for (ByteString summary : fields.getField(5).getLengthDelimitedList()) {
      UnknownFieldSet inner = UnknownFieldSet.parseFrom(summary);
      for (ByteString value : inner.getField(1).getLengthDelimitedList()) {
        UnknownFieldSet each = UnknownFieldSet.parseFrom(value);
        values.put(
            each.getField(1).getLengthDelimitedList().getFirst().toStringUtf8(),
            (double) Float.intBitsToFloat(each.getField(2).getFixed32List().getFirst()));
      }
    }
    boolean starts = false;
    for (ByteString session : fields.getField(7).getLengthDelimitedList()) {
      starts |= UnknownFieldSet.parseFrom(session).getField(1).getVarintList().contains(1L);
    }
    List<ByteString> version = fields.getField(3).getLengthDelimitedList();
    return new Event(
        Double.longBitsToDouble(fields.getField(1).getFixed64List().getFirst()),
        fields.getField(2).getVarintList().stream().findFirst().orElse(0L),
        version.isEmpty() ? "" : version.getFirst().toStringUtf8(),
        starts,
        values);
  }

  private static int masked(byte[] bytes, int offset, int length) {
    int crc = -1;
    for (int i = 0; i < length; i++) {
      crc ^= bytes[offset + i] & 0xff;
      for (int bit = 0; bit < Byte.SIZE; bit++) {
        crc = (crc & 1) == 0 ? crc >>> 1 : crc >>> 1 ^ POLYNOMIAL;
      }
    }
    crc = ~crc;
    return (crc >>> 15 | crc << 17) + 0xa282ead8;
  }
}
