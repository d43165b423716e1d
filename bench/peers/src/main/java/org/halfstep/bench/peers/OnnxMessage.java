package org.halfstep.bench.peers;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * A message of Protocol Buffers that is being written, field by field. Source: the encoding that
 * protobuf.dev describes.
 */
final class OnnxMessage {
  private static final int TYPE_BITS = 3;
  private static final int VARINT = 0;
  private static final int BYTES = 2;
  private static final int FIXED32 = 5;
  private static final int BITS_OF_A_BYTE = 7;
  private static final int MORE = 0x80;

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  OnnxMessage number(int field, long value) {
    tag(field, VARINT);
    varint(value);
    return this;
  }

  OnnxMessage numbers(int field, long... values) {
    for (long value : values) {
      number(field, value);
    }
    return this;
  }

  OnnxMessage real(int field, float value) {
    tag(field, FIXED32);
    bytes.writeBytes(
        ByteBuffer.allocate(Float.BYTES).order(ByteOrder.LITTLE_ENDIAN).putFloat(value).array());
    return this;
  }

  OnnxMessage text(int field, String text) {
    return bytes(field, text.getBytes(StandardCharsets.UTF_8));
  }

  OnnxMessage message(int field, OnnxMessage message) {
    return bytes(field, message.toBytes());
  }

  private OnnxMessage bytes(int field, byte[] value) {
    announce(field, value.length);
    bytes.writeBytes(value);
    return this;
  }

  /** The head of a field of so many bytes, which are written by somebody else. */
  OnnxMessage announce(int field, long length) {
    tag(field, BYTES);
    varint(length);
    return this;
  }

  byte[] toBytes() {
    return bytes.toByteArray();
  }

  private void tag(int field, int type) {
    varint((long) field << TYPE_BITS | type);
  }

  private void varint(long value) {
    long left = value;
    while ((left & -MORE) != 0) {
      bytes.write((int) (left | MORE));
      left >>>= BITS_OF_A_BYTE;
    }
    bytes.write((int) left);
  }
}
