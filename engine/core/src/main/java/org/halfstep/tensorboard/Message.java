package org.halfstep.tensorboard;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * A message in the wire format of Protocol Buffers: fields one after another, each a key (number
 * and kind) and a value, whole numbers in groups of seven bits.
 */
final class Message {
  private static final int VARINT = 0;
  private static final int EIGHT_BYTES = 1;
  private static final int BYTES = 2;
  private static final int FOUR_BYTES = 5;
  private static final int GROUP = 7;
  private static final int MORE = 0x80;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  /** Zero is what a reader takes where a field is not there: it is left out. */
  Message whole(int field, long value) {
    if (value != 0) {
      key(field, VARINT);
      varint(value);
    }
    return this;
  }

  Message number(int field, double value) {
    key(field, EIGHT_BYTES);
    littleEndian(Double.doubleToLongBits(value), Double.BYTES);
    return this;
  }

  Message number(int field, float value) {
    key(field, FOUR_BYTES);
    littleEndian(Float.floatToIntBits(value), Float.BYTES);
    return this;
  }

  Message text(int field, String value) {
    return bytes(field, value.getBytes(StandardCharsets.UTF_8));
  }

  Message message(int field, Message value) {
    return bytes(field, value.bytes());
  }

  private Message bytes(int field, byte[] value) {
    key(field, BYTES);
    varint(value.length);
    out.writeBytes(value);
    return this;
  }

  byte[] bytes() {
    return out.toByteArray();
  }

  private void key(int field, int kind) {
    varint((long) field << 3 | kind);
  }

  private void varint(long value) {
    long left = value;
    while ((left & -MORE) != 0) {
      out.write((int) (left & (MORE - 1)) | MORE);
      left >>>= GROUP;
    }
    out.write((int) left);
  }

  private void littleEndian(long bits, int bytes) {
    for (int i = 0; i < bytes; i++) {
      out.write((int) (bits >>> Byte.SIZE * i));
    }
  }
}
